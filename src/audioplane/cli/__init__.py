"""The commands. Heavy libraries are imported by the command that needs them."""

import io
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from audioplane import __version__
from audioplane.cli.doctor import doctor_of
from audioplane.errors import AudioplaneError, InstallError
from audioplane.machine import cores, few_threads

_INTERRUPTED = 128 + signal.SIGINT
"""Exit status by which a shell knows that its loops have to end, too."""


def _plain(args: list[str]) -> list[str]:
    """Arguments after `--` are names, even if they begin with a dash."""
    if "--" not in args:
        return args
    end = args.index("--")
    return [*args[:end], *(f"./{a}" if a.startswith("-") else a for a in args[end + 1 :])]


def main(args: list[str] | None = None) -> int:
    """Run one command; returns 0, 1 after a failure that the user can act on, or 130 once it was
    stopped."""
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
        import tyro

        from audioplane.cli.arguments import with_home
        from audioplane.cli.commands import Command
    except Exception as e:  # a damaged library raises anything
        if args[:1] == ["doctor"]:
            return doctor_of(args[1:])
        raise InstallError(f"a library cannot be loaded ({e}): see 'audioplane doctor'") from e
    return tyro.cli(
        Command,
        prog="audioplane",
        description="Learn a talking head from a video, then drive it with any speech. "
        "--debug with any command shows the traceback of a failure; --version shows the version.",
        args=_plain([with_home(a) for a in args]),
    )


def _complain(said: str, command: object = None) -> None:
    """One line on standard error; arguments in it are named as the flags of `command`."""
    try:
        from audioplane.cli.console import console, in_flags, printable
    except Exception:  # rich is missing or damaged
        sys.stderr.write(f"audioplane: {' '.join(said.split())}\n")
        return
    said = in_flags(said, command) if command else said
    console.print(f"audioplane: {printable(said)}", style="red")


def _set_threads() -> None:
    """What libraries read as they are imported."""
    # Two thread pools share the cores: idle threads must sleep, not spin.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    if cores() < (os.cpu_count() or 1):  # the libraries know nothing of a container's share
        for name, value in few_threads(cores()).items():
            os.environ.setdefault(name, value)


@contextmanager
def _signals_interrupt() -> Iterator[None]:
    """SIGTERM does what Ctrl-C does, so that it leaves no partial file either.

    So does SIGINT in the background of a script, where shells have it ignored.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, signal.default_int_handler) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _run(args: list[str] | None) -> int:
    args = sys.argv[1:] if args is None else args
    _set_threads()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # terminals with few characters, such as latin-1
    debug = "--debug" in args
    if "--version" in args:
        print(f"audioplane {__version__}", flush=True)
        return 0
    command = None
    try:
        command = _parsed([a for a in args if a != "--debug"])
        with _signals_interrupt():
            return command.run() or 0
    except BrokenPipeError:
        raise
    except KeyboardInterrupt:
        _complain(getattr(command, "STOPPED", "stopped"))
        return _INTERRUPTED
    except AudioplaneError as e:
        if debug:
            raise
        _complain(str(e), command)
        return 1
    except Exception as e:
        if debug:
            raise
        _complain(
            f"unexpected {type(e).__name__}: {e} (a defect of audioplane: run again with --debug "
            "and report it)"
        )
        return 1
    return 0
