"""SyncNet's confidence and distance of a video, as the authors' `SyncNetInstance.py`.

For every frame the embedding of the images from it on is compared with those of the sound up to 15
frames earlier and later. Legend: d_k mean over frames of the distance to the sound k frames later.
Distance = min d_k, confidence = median d_k − min d_k, offset = −argmin d_k.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np
import torch
from jaxtyping import Float, Float32, UInt8
from torch import Tensor
from torch.nn.functional import pad, pairwise_distance

from audioplane.clock import FRAME_SAMPLES
from audioplane.evaluate.syncnet.mfcc import mfcc
from audioplane.evaluate.syncnet.network import STEPS, WINDOW, SyncNet
from audioplane.evaluate.syncnet.tracks import (
    MIN_FACE,
    MIN_FRAMES,
    FaceTrack,
    Image,
    Shots,
    crop_face,
    face_tracks,
)

MAX_SHIFT = 15
"""Frames to either side among which the offset is sought."""
BATCH = 20
"""Windows embedded at a time."""
TOO_LITTLE = (
    f"SyncNet needs more than {MIN_FRAMES} frames with sound of one face larger than {MIN_FACE} px"
)


@dataclass(frozen=True)
class SyncScores:
    """Agreement of lips and sound; None where unknown."""

    confidence: float | None = None
    """Higher is better (LSE-C); mean over tracks."""
    distance: float | None = None
    """Lower is better (LSE-D); mean over tracks."""
    offset: int | None = None
    """Frames by which the sound is ahead of the lips, in the longest track."""
    n_frames: int = 0
    """Windows that were compared."""
    n_tracks: int = 0
    empty: str = ""
    """Why the scores are unknown."""


def sync_scores(
    frames: Callable[[], Iterable[Image]],
    waveform: Float32[np.ndarray, " n"],
    shots: Shots,
    network: SyncNet,
    step: Callable[[int], None] = lambda n: None,
) -> SyncScores:
    """Scores of a video.

    Args:
        frames: Returns the RGB images from the start, 25 a second.
        waveform: The sound at 16 kHz; sample 640 k is at frame k.
        shots: What `find_shots` found in these images.
        network: With the authors' weights.
        step: Called with the number of windows embedded at a time.

    Images are held `BATCH` at a time.
    """
    curves: list[Float[Tensor, " 31"]] = []
    lengths: list[int] = []
    for track in face_tracks(shots):
        sound = waveform[track.first * FRAME_SAMPLES : (track.first + len(track)) * FRAME_SAMPLES]
        n = min(len(track), len(sound) // FRAME_SAMPLES) - WINDOW
        if n <= 0:
            continue
        seen = _embed_track(frames(), track, n, network, step)
        sounds = embed_sound(sound, n, network)
        curves.append(distances(seen, sounds).mean(0))
        lengths.append(n)
    if not curves:
        return SyncScores(empty=TOO_LITTLE)
    found = [curve_scores(c) for c in curves]
    confidence, distance = np.mean([f[:2] for f in found], axis=0)
    offset = found[int(np.argmax(lengths))][2]
    return SyncScores(float(confidence), float(distance), offset, sum(lengths), len(found))


def distances(seen: Float[Tensor, "n c"], sounds: Float[Tensor, "n c"]) -> Float[Tensor, "n 31"]:
    """Distance of every frame's embedding to those of the sound −15 to +15 frames later.

    Beyond the ends the sound's embedding is zero.
    """
    padded = pad(sounds, (0, 0, MAX_SHIFT, MAX_SHIFT))
    n = len(seen)
    columns = [pairwise_distance(seen, padded[k : k + n]) for k in range(2 * MAX_SHIFT + 1)]
    return torch.stack(columns, 1)


def curve_scores(curve: Float[Tensor, " 31"]) -> tuple[float, float, int]:
    """Confidence, distance and offset of the mean distances d_k, k = −15..15."""
    least, at = curve.min(0)
    return float(curve.median() - least), float(least), MAX_SHIFT - int(at)


def _embed_track(
    frames: Iterable[Image],
    track: FaceTrack,
    n: int,
    network: SyncNet,
    step: Callable[[int], None],
) -> Float[Tensor, "n c"]:
    crops = _crops(frames, track, n + WINDOW - 1)
    clip = list(islice(crops, WINDOW - 1))
    embedded = []
    while batch := list(islice(crops, BATCH)):
        clip += batch
        tensor = torch.from_numpy(np.stack(clip)).permute(3, 0, 1, 2).float()
        embedded.append(network.embed_images(tensor))
        clip = clip[1 - WINDOW :]
        step(len(batch))
    return torch.cat(embedded)


def _crops(
    frames: Iterable[Image], track: FaceTrack, n: int
) -> Iterator[UInt8[np.ndarray, "224 224 3"]]:
    """The first n crops of a track, BGR."""
    seen = islice(frames, track.first, track.first + n)
    for image, centre, size in zip(seen, track.centres, track.sizes, strict=False):
        yield crop_face(image, centre, size)[..., ::-1]


def embed_sound(sound: Float32[np.ndarray, " s"], n: int, network: SyncNet) -> Float[Tensor, "n c"]:
    # Four steps a frame; window k starts with frame k.
    windows = np.lib.stride_tricks.sliding_window_view(mfcc(sound), STEPS, axis=0)[::4][:n]
    cepstra = torch.from_numpy(windows.copy())
    return torch.cat([network.embed_sound(piece) for piece in cepstra.split(BATCH)])
