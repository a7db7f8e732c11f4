"""Arguments that several commands share."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from audioplane.errors import FleetError, PoseError
from audioplane.speech.kinds import kind_names

if TYPE_CHECKING:
    from audioplane.drive import FaceOptions
    from audioplane.executors import Executor

    Kind = str
else:
    Kind = tyro.extras.literal_type_from_choices(kind_names())


def with_home(argument: str) -> str:
    """An argument whose `~` stands for the user's home, as shells do not expand in `--out=~/x`."""
    name, equals, value = argument.partition("=")
    if name.startswith("--") and equals:
        return f"{name}={with_home(value)}"
    return os.path.expanduser(argument) if argument.startswith(("~/", "~\\")) else argument


RunArgument = Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")]
SubjectArgument = Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="SUBJECT")]
VideoArgument = Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="VIDEO")]
Device = Literal["auto", "cpu", "cuda"]


def beside(run: Path, name: str) -> Path:
    """A folder for results about a run: in its folder, or beside a pack."""
    return run / name if run.is_dir() else run.with_name(f"{run.stem}-{name}")


_OWNERS = (("local", "jobs"), ("ray", "ray_address"), ("ray", "cpus"), ("ray", "gpus"))
"""Executors, and the settings that they alone have."""


@dataclass(frozen=True)
class ExecutorArguments:
    """Where work on many items runs."""

    executor: Literal["here", "local", "ray"] = "here"
    """This process, one after the other; processes of this machine; or tasks of a Ray cluster
    (extra 'ray'), whose machines see the same folders."""
    jobs: int = 0
    """Of 'local': how many at once; 0 for one for every two cores."""
    ray_address: str | None = None
    """Of 'ray': auto for the cluster that this machine belongs to, ray://HOST:10001, or what
    RAY_ADDRESS names if not given; without either, this machine."""
    cpus: int = 2
    """Of 'ray': CPUs of each task."""
    gpus: float = 0.0
    """Of 'ray': GPUs of each task; a fraction shares one."""

    def open(self) -> "Executor":
        """The same as the library takes it.

        Raises `InstallError` without Ray, `FleetError` where its cluster is not reached or a
        setting is for another executor.
        """
        from audioplane.executors import LocalExecutor, RayExecutor, SerialExecutor

        for owner, name in _OWNERS:
            value = getattr(self, name)
            if self.executor != owner and value != getattr(ExecutorArguments, name):
                raise FleetError(f"{name}={value} is for executor={owner}: pass it, or neither")
        if self.executor == "ray":
            return RayExecutor(self.ray_address, self.cpus, self.gpus)
        return LocalExecutor(self.jobs) if self.executor == "local" else SerialExecutor()


def check_motion(poses: Path | None, seed: int) -> None:
    """Raise `PoseError` for a choice among the recorded poses where others are given."""
    if poses is not None and seed:
        raise PoseError(f"seed={seed} chooses among the recorded poses: leave it out with poses=…")


@dataclass(frozen=True)
class FaceArguments:
    """What the upper face does."""

    expression: Literal["recorded", "neutral"] | Path = "recorded"
    """What brows, lids and eyes do: what they did in the recorded frame that lends the pose;
    neutral, brows at rest; or a file of ARKit's coefficients, CSV of Live Link Face or of MediaPipe
    or JSON (docs/expressions.md), played forwards and backwards."""
    gaze: Literal["recorded", "camera"] = "recorded"
    """Where the eyes look: as the expression has it, or at the viewer, however the head turns."""

    def options(self) -> "FaceOptions":
        """The same as the library takes it."""
        from audioplane.drive import FaceOptions

        return FaceOptions(self.expression, self.gaze)
