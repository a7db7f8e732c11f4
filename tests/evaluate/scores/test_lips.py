import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import pearsonr

from audioplane.evaluate.scores.lips import (
    MIN_FRAMES,
    MouthTrack,
    aperture_scores,
    correlation,
    find_lag,
    landmark_distance,
    lip_scores,
)


def wave(n: int, seed: int = 0) -> np.ndarray:
    return np.convolve(np.random.default_rng(seed).standard_normal(n + 4), np.ones(5) / 5, "valid")


def track(aperture: np.ndarray, landmarks: np.ndarray) -> MouthTrack:
    return MouthTrack(aperture, landmarks, np.ones(len(aperture), bool))


@given(st.floats(-50, 50), st.floats(-50, 50))
def test_landmark_distance_ignores_where_the_mouth_is(dx: float, dy: float) -> None:
    mouth = np.random.default_rng(0).uniform(0, 30, (3, 20, 2))
    np.testing.assert_allclose(landmark_distance(mouth + [dx, dy], mouth), 0, atol=1e-9)


def test_landmark_distance_by_hand() -> None:
    true = np.zeros((1, 20, 2))
    rendered = np.zeros((1, 20, 2))
    rendered[0, :10, 0], rendered[0, 10:, 0] = 3.0, 1.0  # mean 2: every point 1 px off
    np.testing.assert_allclose(landmark_distance(rendered, true), [1.0])


@settings(deadline=None)
@given(st.integers(0, 100), st.floats(0.1, 5), st.floats(-3, 3))
def test_correlation_is_pearsons(seed: int, gain: float, offset: float) -> None:
    a, b = wave(40, seed), gain * wave(40, seed + 1) + offset
    np.testing.assert_allclose(correlation(a, b), pearsonr(a, b)[0], atol=1e-9)


def test_constant_has_no_correlation() -> None:
    assert np.isnan(correlation(np.ones(5), np.arange(5.0)))


@pytest.mark.parametrize("lag", [-6, -1, 0, 3, 10])
def test_lag_is_found(lag: int) -> None:
    true = wave(100)
    late = np.roll(true, lag)
    found, score = find_lag(late, true)
    assert found == lag and score > 0.99


def test_scores_of_a_late_mouth() -> None:
    true = wave(100)
    scores = aperture_scores(0.5 * np.roll(true, 3), true, "test")
    assert scores.lag == 3 and scores.mac_at_lag is not None and scores.mac is not None
    assert scores.mac < 0.6 < scores.mac_at_lag
    assert scores.spread == pytest.approx(0.5) and scores.source == "test"
    assert not scores.empty


def test_a_still_mouth_has_no_correlation_but_a_distance() -> None:
    true = wave(50)
    mouths = np.random.default_rng(0).uniform(0, 30, (50, 20, 2))
    still = np.full(50, 0.1) + 1e-4 * wave(50, 1)
    scores = lip_scores(track(still, mouths), track(true, mouths), "test")
    assert scores.mac is None and scores.mac_at_lag is None and scores.lag is None
    assert "does not move" in scores.empty["mac"]
    assert scores.lmd == pytest.approx(0) and scores.spread is not None


def test_frames_without_a_mouth_are_left_out() -> None:
    true = wave(50)
    mouths = np.random.default_rng(0).uniform(0, 30, (50, 20, 2))
    seen = true.copy()
    seen[10:20], found = 99.0, np.ones(50, bool)
    found[10:20] = False
    scores = lip_scores(MouthTrack(seen, mouths, found), track(true, mouths), "test", 0.9)
    assert scores.n_frames == 40 and scores.mac == pytest.approx(1)
    assert scores.source_accuracy == 0.9


def test_a_lag_is_found_between_frames_without_a_mouth() -> None:
    true, found = wave(100), np.ones(100, bool)
    found[5:95:7] = False
    mouths = np.zeros((100, 20, 2))
    late = MouthTrack(np.where(found, np.roll(true, 3), np.nan), mouths, found)
    scores = lip_scores(late, MouthTrack(true, mouths, found), "test")
    assert scores.lag == 3 and scores.mac_at_lag == pytest.approx(1)


@pytest.mark.parametrize("n", [0, 1, MIN_FRAMES - 1])
def test_too_few_frames(n: int) -> None:
    mouths = np.zeros((n, 20, 2))
    scores = lip_scores(track(wave(n + 1)[:n], mouths), track(wave(n + 1)[:n], mouths), "test")
    assert scores.mac is None and "frames" in scores.empty["mac"]
    assert (scores.lmd is None) == (n == 0) == ("lmd" in scores.empty)


def test_a_true_mouth_that_never_moves() -> None:
    scores = aperture_scores(wave(20), np.full(20, 0.2))
    assert scores.mac is None and "does not move" in scores.empty["mac"]
