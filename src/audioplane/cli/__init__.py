"""The commands. Heavy libraries are imported by the command that needs them."""

import os
import sys
from typing import Annotated

import tyro

from audioplane.cli.commands import Demo, Drive, Evaluate, Prepare, Train
from audioplane.cli.console import console
from audioplane.errors import AudioplaneError

Command = (
    Annotated[Prepare, tyro.conf.subcommand("prepare")]
    | Annotated[Train, tyro.conf.subcommand("train")]
    | Annotated[Drive, tyro.conf.subcommand("drive")]
    | Annotated[Evaluate, tyro.conf.subcommand("evaluate")]
    | Annotated[Demo, tyro.conf.subcommand("demo")]
)


def main(args: list[str] | None = None) -> int:
    """Run one command; returns 0, or 1 after a failure that the user can act on."""
    args = sys.argv[1:] if args is None else args
    # Two thread pools share few cores here: idle threads must sleep, not spin.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    debug = "--debug" in args
    command = tyro.cli(
        Command,
        prog="audioplane",
        description="Learn a talking head from a video, then let it speak any audio.",
        args=[a for a in args if a != "--debug"],
    )
    try:
        command.run()
    except KeyboardInterrupt:
        console.print("stopped")
        return 1
    except AudioplaneError as e:
        if debug:
            raise
        console.print(f"[red]audioplane:[/] {e}", highlight=False, soft_wrap=True)
        return 1
    except Exception as e:
        if debug:
            raise
        console.print(
            f"[red]audioplane:[/] unexpected {type(e).__name__}: {e} (a defect of audioplane: run "
            "again with --debug and report it)",
            highlight=False,
            soft_wrap=True,
        )
        return 1
    return 0
