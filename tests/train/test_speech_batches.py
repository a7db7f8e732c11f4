import numpy as np
import pytest
import torch

from audioplane.head import Head, HeadShape
from audioplane.train.config import AudioConfig
from audioplane.train.speech_batches import SpeechBatches

QUIET = {"run_length": 8, "noise": 0.0, "offset": 0.0}
STILL = np.tile(np.eye(4), (40, 1, 1))
"""Views of a head that does not move."""


def encoded_runs(unit=1.0, seed=5, **settings):
    """The windows that one iteration encodes, and the features they are cut from."""
    rng = np.random.default_rng(0)
    features = unit * rng.standard_normal((40, 16, 6)).astype(np.float32)
    head = Head(
        HeadShape(feature_dim=6, scales=(1,), grid_size=4), torch.Generator().manual_seed(0)
    )
    landmarks = rng.random((40, 68, 2)).astype(np.float32)
    config = AudioConfig(**QUIET | settings)
    batches = SpeechBatches(head, features, list(range(40)), landmarks, STILL, config)
    encoded = []
    original = head.represent_runs
    head.represent_runs = lambda runs: (encoded.append(runs), original(runs))[1]
    batches.encode(20, torch.Generator().manual_seed(seed))
    return encoded[0].numpy(), features


def places(runs, features):
    """For every window, the row of the features that it is."""
    flat = features.reshape(len(features), -1)
    return [[int(np.abs(flat - w.reshape(-1)).sum(1).argmin()) for w in run] for run in runs]


def test_speech_comes_as_early_or_late_as_asked():
    plain, features = encoded_runs()
    assert np.array_equal(features[places(plain, features)], plain)
    shifts = set()
    for seed in range(8):
        moved, still = (places(encoded_runs(seed=seed, shift=n)[0][:1], features) for n in (2, 0))
        # The first run is of the frame that is shown; its middle is clear of the ends.
        shifts.add(moved[0][8] - still[0][8])
    assert len(shifts) > 1 and shifts <= {-2, -1, 0, 1, 2}


@pytest.mark.parametrize("unit", [1.0, 4.5])
def test_noise_is_in_units_of_the_features(unit):
    noisy, features = encoded_runs(unit, noise=0.5)
    plain, _ = encoded_runs(unit)
    assert np.isclose((noisy - plain).std(), 0.5 * features.std(), rtol=0.05)


def test_a_tilt_stays_the_same_through_a_run():
    tilted, features = encoded_runs(tilt=0.5)
    plain, _ = encoded_runs()
    offset = tilted - plain
    assert offset.std((1, 2)).max() < 1e-5
    assert np.isclose(offset[:, 0, 0].std(), 0.5 * features.std(), rtol=0.5)


def test_teacher_forcing_changes_only_the_frame_that_is_rendered():
    rng = np.random.default_rng(0)
    features = rng.standard_normal((40, 16, 6)).astype(np.float32)
    head = Head(
        HeadShape(feature_dim=6, scales=(1,), grid_size=4), torch.Generator().manual_seed(0)
    )
    landmarks = rng.random((40, 68, 2)).astype(np.float32)
    encoded = {}
    for forced in (False, True):
        config = AudioConfig(**QUIET, teacher_forcing=forced)
        batches = SpeechBatches(head, features, list(range(40)), landmarks, STILL, config, 0.1)
        torch.nn.init.eye_(batches.reader.weight)
        encoded[forced] = batches.encode(20, torch.Generator().manual_seed(5))
    assert not torch.allclose(encoded[True].code, encoded[False].code, atol=0.1)
    assert encoded[True].lips == encoded[False].lips
