"""`audioplane bench`."""

from dataclasses import dataclass
from typing import Annotated, Literal

import tyro

from audioplane.cli.arguments import Device


@dataclass(frozen=True)
class Bench:
    """Measure how fast this machine is: in milliseconds, and in matrix products of the same run."""

    what: Annotated[Literal["splat", "head", "drive", "train", "all"], tyro.conf.Positional] = "all"
    """splat: the rasterizer; head: speech features to picture; drive: sound to video; train: an
    iteration of the fine stage."""
    json: bool = False
    """Print the figures as JSON on standard output."""
    device: Device = "auto"
    """What is measured; auto: an NVIDIA GPU where there is one and gsplat is installed."""

    def run(self) -> None:
        from audioplane.bench.run import run_bench
        from audioplane.cli.device import use_device

        run_bench(self.what, use_device(self.device), self.json)
