"""The commands. Heavy libraries are imported by the command that needs them."""

import io
import os
import sys
from typing import Annotated

import tyro

from audioplane import __version__
from audioplane.cli.ablate import Ablate
from audioplane.cli.arguments import with_home
from audioplane.cli.bench import Bench
from audioplane.cli.compare import Compare
from audioplane.cli.console import console, in_flags, output, printable
from audioplane.cli.cross import Cross
from audioplane.cli.demo import Demo
from audioplane.cli.doctor import Doctor
from audioplane.cli.drive import Drive
from audioplane.cli.evaluate import Evaluate
from audioplane.cli.export import Export
from audioplane.cli.fleet import Fleet
from audioplane.cli.inspect import Inspect
from audioplane.cli.pack import Pack
from audioplane.cli.preflight import Preflight
from audioplane.cli.prepare import Prepare
from audioplane.cli.prior import Prior
from audioplane.cli.serve import Serve
from audioplane.cli.speech import Speech
from audioplane.cli.stress import Stress
from audioplane.cli.train import Train
from audioplane.cli.verify import Verify
from audioplane.errors import AudioplaneError

Command = (
    Annotated[Prepare, tyro.conf.subcommand("prepare")]
    | Annotated[Preflight, tyro.conf.subcommand("preflight")]
    | Annotated[Inspect, tyro.conf.subcommand("inspect")]
    | Annotated[Speech, tyro.conf.subcommand("speech")]
    | Annotated[Prior, tyro.conf.subcommand("prior")]
    | Annotated[Train, tyro.conf.subcommand("train")]
    | Annotated[Drive, tyro.conf.subcommand("drive")]
    | Annotated[Pack, tyro.conf.subcommand("pack")]
    | Annotated[Export, tyro.conf.subcommand("export")]
    | Annotated[Verify, tyro.conf.subcommand("verify")]
    | Annotated[Serve, tyro.conf.subcommand("serve")]
    | Annotated[Evaluate, tyro.conf.subcommand("evaluate")]
    | Annotated[Compare, tyro.conf.subcommand("compare")]
    | Annotated[Cross, tyro.conf.subcommand("cross")]
    | Annotated[Stress, tyro.conf.subcommand("stress")]
    | Annotated[Demo, tyro.conf.subcommand("demo")]
    | Annotated[Ablate, tyro.conf.subcommand("ablate")]
    | Annotated[Fleet, tyro.conf.subcommand("fleet")]
    | Annotated[Bench, tyro.conf.subcommand("bench")]
    | Annotated[Doctor, tyro.conf.subcommand("doctor")]
)


def _plain(args: list[str]) -> list[str]:
    """Arguments after `--` are names, even if they begin with a dash."""
    if "--" not in args:
        return args
    end = args.index("--")
    return [*args[:end], *(f"./{a}" if a.startswith("-") else a for a in args[end + 1 :])]


def main(args: list[str] | None = None) -> int:
    """Run one command; returns 0, or 1 after a failure that the user can act on."""
    try:
        return _run(args)
    except BrokenPipeError:  # whoever read our output has had enough, as `head` has
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _run(args: list[str] | None) -> int:
    args = sys.argv[1:] if args is None else args
    # Two thread pools share the cores: idle threads must sleep, not spin.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # terminals with few characters, such as latin-1
    debug = "--debug" in args
    if "--version" in args:
        output.print(f"audioplane {__version__}")
        return 0
    command = tyro.cli(
        Command,
        prog="audioplane",
        description="Learn a talking head from a video, then drive it with any speech. "
        "--debug with any command shows the traceback of a failure; --version shows the version.",
        args=_plain([with_home(a) for a in args if a != "--debug"]),
    )
    try:
        return command.run() or 0
    except BrokenPipeError:
        raise
    except KeyboardInterrupt:
        console.print(f"audioplane: {getattr(command, 'STOPPED', 'stopped')}", style="red")
        return 1
    except AudioplaneError as e:
        if debug:
            raise
        console.print(f"audioplane: {printable(in_flags(str(e), command))}", style="red")
        return 1
    except Exception as e:
        if debug:
            raise
        console.print(
            f"audioplane: unexpected {type(e).__name__}: {printable(str(e))} (a defect of "
            "audioplane: run again with --debug and report it)",
            style="red",
        )
        return 1
    return 0
