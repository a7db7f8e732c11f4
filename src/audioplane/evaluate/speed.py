"""The speed of one head: the rasterizer alone, features to image, and sound to video."""

import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numba
import numpy as np
import torch
from jaxtyping import Float, Float32

from audioplane.clock import FPS, SAMPLE_RATE
from audioplane.drive import Animator
from audioplane.head import Gaussians, View, follow_body, splat_head
from audioplane.head.gaussians import sh_colours
from audioplane.machine import cpu_model
from audioplane.mark import Marker, MarkPayload
from audioplane.media.writer import VideoWriter
from audioplane.speech import compute_features
from audioplane.splat.cpu import Canvas

SECONDS = 4.0
"""Seconds of speech for the measurement from sound to video."""
_ROUNDS = 15


@dataclass(frozen=True)
class Speed:
    """Frames a second of one head on one machine."""

    raster: float
    """The rasterizer alone: from deformed Gaussians to an image."""
    model_and_raster: float
    """From speech features to a finished image; torso and background are decoded before."""
    end_to_end: float | None
    """From a sound to an H.264 and AAC file, everything included. None where the features cannot
    be computed here."""
    gaussians: int
    moving: int
    """Of the Gaussians, those that the networks move."""
    width: int
    height: int
    machine: str


def measure_speed(
    animator: Animator,
    features: Float[np.ndarray, "t w f"],
    sound: Float32[np.ndarray, " n"] | None,
    kind: str,
) -> Speed:
    """Measure a head with its subject's poses and plates.

    Args:
        animator: The head; on a GPU, that GPU is measured.
        features: Its subject's speech features.
        sound: Speech at 16 kHz, repeated where it is short; None leaves `Speed.end_to_end` empty.
        kind: Of the features, as `compute_features` knows it.
    """
    ref = animator.refs[0]
    codes = animator.codes(features[:64])
    gaussians, dynamism = animator.deformed(codes[0], ref)
    view = animator.view(ref)
    gaussians = follow_body(gaussians, animator.head.body_weights(), view.viewmat, view.body)
    device = gaussians.means.device
    plate = animator.footage.plate(ref)

    def encode() -> None:
        if sound is not None:
            _write_video(animator, np.resize(sound, round(SECONDS * SAMPLE_RATE)), kind)

    drawing = _raster(gaussians, dynamism, view, plate)
    raster, hearing, drawn = _seconds(
        [
            drawing,
            lambda: animator.codes(features[:64]),
            lambda: animator.draw(codes[0], ref, plate),
        ],
        _ROUNDS,
        device,
    )
    started = time.perf_counter()
    encode()
    encoding = time.perf_counter() - started
    where = torch.cuda.get_device_name(device) if device.type == "cuda" else cpu_model()
    return Speed(
        raster=1 / raster,
        model_and_raster=1 / (hearing / len(codes) + drawn),
        end_to_end=None if sound is None else SECONDS * FPS / encoding,
        gaussians=len(gaussians),
        moving=sum(len(index) for index in animator.head.moving()),
        width=animator.size[0],
        height=animator.size[1],
        machine=f"{where}, {numba.get_num_threads()} threads",
    )


def _seconds(
    works: Sequence[Callable[[], object]], rounds: int, device: torch.device
) -> list[float]:
    """Median time of each function. They take turns, so that other load affects all equally."""
    times: list[list[float]] = [[] for _ in works]
    for turn in range(rounds + 1):
        for work, taken in zip(works, times, strict=True):
            started = time.perf_counter()
            work()
            if device.type == "cuda":
                torch.cuda.synchronize(device)
            if turn:  # the first round compiles and fills caches
                taken.append(time.perf_counter() - started)
    return [statistics.median(taken) for taken in times]


@torch.no_grad()
def _raster(
    gaussians: Gaussians,
    dynamism: Float[torch.Tensor, " n"],
    view: View,
    plate: np.ndarray,
) -> Callable[[], object]:
    """A function that rasterizes one frame's Gaussians and does nothing else."""
    if dynamism.device.type != "cpu":
        behind = torch.from_numpy(plate).to(dynamism.device).float() / 255

        @torch.no_grad()
        def on_device() -> object:
            return splat_head(gaussians, dynamism, view, behind)

        return on_device
    colours = sh_colours(gaussians.sh, gaussians.means, view.viewmat)
    canvas = Canvas(len(gaussians), 4, view.width, view.height)
    arrays = [
        x.contiguous().numpy()
        for x in (
            gaussians.means,
            gaussians.quats,
            gaussians.log_scales.exp(),
            gaussians.logits.sigmoid(),
            torch.cat([colours, dynamism[:, None]], -1),
            view.viewmat,
            view.K,
        )
    ]
    return lambda: canvas.draw(*arrays)


def _write_video(animator: Animator, sound: Float32[np.ndarray, " n"], kind: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        codes = animator.codes(compute_features(sound, kind))
        marker = Marker(*animator.size, MarkPayload(0, 0), bytes(32))
        with VideoWriter(Path(folder) / "video.mp4", *animator.size, audio=sound) as writer:
            for _, frame in animator.speak(codes, marker):
                writer.write(frame.image)
