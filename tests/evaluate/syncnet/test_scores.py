"""The whole pipeline, with the real network untrained and with one whose answers are known."""

import numpy as np
import pytest
import torch
from torch import Tensor

from audioplane.evaluate.syncnet import SyncNet, sync_scores
from audioplane.evaluate.syncnet.mfcc import mfcc
from audioplane.evaluate.syncnet.scores import (
    MAX_SHIFT,
    curve_scores,
    distances,
    embed_sound,
)
from audioplane.evaluate.syncnet.tracks import Shots

FRAMES = 130
SIZE = 160
FACE = np.array([20.0, 20.0, 140.0, 140.0])
SEEN = Shots((FACE,) * FRAMES, ())


def loudness() -> np.ndarray:
    """Of each frame, 0 to 1, without a period."""
    rng = np.random.default_rng(0)
    return np.convolve(rng.uniform(0, 1, FRAMES + 4), np.ones(3) / 3, "same")[2:-2]


def face_frames() -> list[np.ndarray]:
    """A face that is as bright as the sound is loud; what surrounds it flickers."""
    rng = np.random.default_rng(1)
    frames = []
    for level in loudness():
        image = np.full((SIZE, SIZE, 3), rng.integers(0, 255), np.uint8)
        image[20:140, 20:140] = round(200 * level)
        frames.append(image)
    return frames


def sound(shift: int = 0) -> np.ndarray:
    """The noise that belongs to the images, `shift` frames late."""
    noise = np.random.default_rng(2).normal(0, 0.1, FRAMES * 640)
    wave = (noise * np.repeat(0.05 + loudness(), 640)).astype(np.float32)
    late = np.roll(wave, shift * 640)
    late[: max(0, shift) * 640] = 0
    return late


class Matching(SyncNet):
    """Stands in for SyncNet: embeds the brightness of the face and the loudness of the sound."""

    def __init__(self) -> None:
        torch.nn.Module.__init__(self)

    def embed_images(self, clip: Tensor) -> Tensor:
        assert clip.shape[0] == 3 and clip.shape[2:] == (224, 224)
        face = clip[:, :, 60:100, 100:124].mean((0, 2, 3)) / 200
        return face.unfold(0, 5, 1)

    def embed_sound(self, cepstra: Tensor) -> Tensor:
        amplitude = (cepstra[:, 0] / 2).exp()  # cepstrum 0 is the logarithm of the energy
        return amplitude.reshape(-1, 5, 4).mean(2) / 40_000


@pytest.mark.parametrize("shift", [0, 3, -7, 14])
def test_shifted_sound_moves_the_offset(shift):
    scores = sync_scores(lambda: face_frames(), sound(shift), SEEN, Matching())
    assert scores.offset == -shift
    assert scores.n_frames == FRAMES - 5 and scores.n_tracks == 1
    assert scores.confidence is not None and scores.confidence > 0.05


def test_foreign_sound_has_less_confidence():
    own = sync_scores(lambda: face_frames(), sound(), SEEN, Matching())
    foreign = sync_scores(lambda: face_frames(), sound()[::-1].copy(), SEEN, Matching())
    assert own.confidence is not None and foreign.confidence is not None
    assert foreign.confidence < 0.5 * own.confidence
    assert own.distance is not None and foreign.distance is not None
    assert own.distance < foreign.distance


def test_every_track_has_its_own_sound():
    twice = Shots((FACE,) * (2 * FRAMES), (FRAMES,))
    both = np.concatenate([sound(4), sound(4)])
    scores = sync_scores(lambda: face_frames() + face_frames(), both, twice, Matching())
    once = sync_scores(lambda: face_frames(), sound(4), SEEN, Matching())
    assert scores.n_tracks == 2 and scores.offset == -4
    assert scores.confidence == pytest.approx(once.confidence, rel=1e-5)


@pytest.mark.parametrize(
    "shots, samples",
    [(Shots((FACE,) * 90, ()), 90 * 640), (Shots((FACE * 0.5,) * 130, ()), 130 * 640), (SEEN, 640)],
)
def test_too_short_too_small_and_silent_stay_empty(shots, samples):
    scores = sync_scores(lambda: face_frames(), sound()[:samples], shots, Matching())
    assert scores.confidence is None and scores.distance is None and scores.offset is None
    assert "more than 100 frames" in scores.empty


def test_distances_are_the_authors():
    generator = torch.Generator().manual_seed(0)
    seen, sounds = (torch.randn(40, 8, generator=generator) for _ in range(2))
    table = distances(seen, sounds).numpy()
    a, b = seen.numpy().astype(np.float64), sounds.numpy().astype(np.float64)
    for t in range(40):
        for k in range(-MAX_SHIFT, MAX_SHIFT + 1):
            other = b[t + k] if 0 <= t + k < 40 else np.zeros(8)
            expected = np.sqrt(np.square(a[t] - other + 1e-6).sum())
            assert table[t, k + MAX_SHIFT] == pytest.approx(expected, rel=1e-5)
    curve = table.mean(0)
    confidence, distance, offset = curve_scores(torch.from_numpy(curve))
    assert confidence == pytest.approx(np.median(curve) - curve.min(), rel=1e-5)
    assert distance == pytest.approx(curve.min()) and offset == 15 - curve.argmin()


def test_random_weights_shift_the_whole_table():
    """Of the real network: sound k frames late moves every distance by k columns."""
    torch.manual_seed(0)
    network = SyncNet()
    n, shift = 40, 6
    wave, late = sound()[: 60 * 640], sound(shift)[: 60 * 640]
    seen = torch.randn(n, 1024)
    table = distances(seen, embed_sound(wave, n, network))
    moved = distances(seen, embed_sound(late, n, network))
    # Rows whose sound lies inside both; the first samples after the silence differ.
    rows = slice(shift + MAX_SHIFT + 1, n - MAX_SHIFT)
    torch.testing.assert_close(moved[rows, shift:], table[rows, :-shift], rtol=1e-5, atol=1e-4)
    assert (moved[rows, shift:] - table[rows, shift:]).abs().max() > 1e-3


def test_the_real_network_end_to_end():
    torch.manual_seed(0)
    network = SyncNet()
    n, steps = 104, []
    shots = Shots((FACE,) * n, ())
    with torch.no_grad():  # one cheap layer in the place of all: 99 windows take no seconds
        network.netcnnlip = torch.nn.Sequential(
            torch.nn.AvgPool3d((5, 224, 224), 1), torch.nn.Conv3d(3, 512, 1)
        )
    scores = sync_scores(lambda: iter(face_frames()), sound(), shots, network, steps.append)
    assert scores.n_frames == n - 5 and sum(steps) == n - 5
    assert scores.distance is not None and scores.confidence is not None
    assert scores.distance > 0 and scores.confidence >= 0
    assert mfcc(sound()[: n * 640]).shape[0] >= 4 * (n - 6) + 20
