"""The commands. Heavy libraries are imported by the command that needs them."""

import io
import os
import sys
from typing import Any

import tyro

from audioplane import __version__
from audioplane.cli.console import console, in_flags, output, printable
from audioplane.cli.doctor import Doctor
from audioplane.errors import AudioplaneError, InstallError


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


def _parsed(args: list[str]) -> Any:
    """The command that is asked for.

    Raises `InstallError` where a library cannot be loaded: `doctor` alone does without.
    """
    try:
        from audioplane.cli.arguments import with_home
        from audioplane.cli.commands import Command
    except Exception as e:  # a damaged library raises anything
        if args[:1] == ["doctor"]:
            return tyro.cli(Doctor, prog="audioplane doctor", args=args[1:])
        raise InstallError(f"a library cannot be loaded ({e}): see 'audioplane doctor'") from e
    return tyro.cli(
        Command,
        prog="audioplane",
        description="Learn a talking head from a video, then drive it with any speech. "
        "--debug with any command shows the traceback of a failure; --version shows the version.",
        args=_plain([with_home(a) for a in args]),
    )


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
    command = None
    try:
        command = _parsed([a for a in args if a != "--debug"])
        return command.run() or 0
    except BrokenPipeError:
        raise
    except KeyboardInterrupt:
        console.print(f"audioplane: {getattr(command, 'STOPPED', 'stopped')}", style="red")
        return 1
    except AudioplaneError as e:
        if debug:
            raise
        said = in_flags(str(e), command) if command else str(e)
        console.print(f"audioplane: {printable(said)}", style="red")
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
