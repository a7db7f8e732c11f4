import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audioplane.face.similarity import fit_similarity


def rotation(seed: int, d: int) -> np.ndarray:
    q, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(d, d)))
    q[:, 0] *= np.sign(np.linalg.det(q))
    return q


@given(st.integers(0, 2**31), st.sampled_from([2, 3]), st.floats(0.01, 100))
def test_a_known_similarity_is_found(seed, d, scale):
    rng = np.random.default_rng(seed)
    source, shift, turn = rng.normal(size=(9, d)), rng.normal(size=d), rotation(seed, d)
    target = scale * source @ turn.T + shift
    found = fit_similarity(source, target)
    assert found.scale == pytest.approx(scale, rel=1e-9)
    np.testing.assert_allclose(found.rotation, turn, atol=1e-9)
    np.testing.assert_allclose(found(source), target, atol=1e-9 * (1 + scale))
    with_one = np.concatenate([source, np.ones((9, 1))], 1)
    np.testing.assert_allclose(with_one @ found.matrix().T, target, atol=1e-9 * (1 + scale))


@pytest.mark.parametrize("d", [2, 3])
def test_a_mirror_is_not_used(d):
    source = np.random.default_rng(0).normal(size=(9, d))
    mirrored = source * np.array([-1.0, *[1.0] * (d - 1)])
    assert np.linalg.det(fit_similarity(source, mirrored).rotation) == pytest.approx(1)


def test_no_other_similarity_is_nearer():
    rng = np.random.default_rng(0)
    source, target = rng.normal(size=(2, 9, 3))
    found = fit_similarity(source, target)
    least = np.square(found(source) - target).sum()
    for seed in range(50):
        turn = rotation(seed, 3)
        at = source @ turn.T
        away = at - at.mean(0)
        scale = max(0.0, (away * (target - target.mean(0))).sum() / (away**2).sum())
        assert np.square(scale * away + target.mean(0) - target).sum() >= least - 1e-9
