import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from audioplane.evaluate.scores.metrics import PSNR_CAP, l1, mean_ssim, psnr, ssim_map

BOX = (7, 3, 30, 41)


def pair(seed: int, height: int = 48, width: int = 36) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = gaussian_filter(rng.uniform(0, 255, (height, width, 3)), (1.5, 1.5, 0))
    image = truth + rng.normal(0, 15, truth.shape)
    return np.clip(image, 0, 255).astype(np.uint8), truth.astype(np.uint8)


def slow_ssim_map(image: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """The published formula, one window after the other."""
    offsets = np.arange(11) - 5
    weights = np.exp(-0.5 * (offsets[:, None] ** 2 + offsets[None] ** 2) / 1.5**2)
    weights = (weights / weights.sum())[:, :, None]
    height, width = image.shape[:2]
    out = np.zeros((height - 10, width - 10))
    for y in range(height - 10):
        for x in range(width - 10):
            a = image[y : y + 11, x : x + 11].astype(float)
            b = truth[y : y + 11, x : x + 11].astype(float)
            ma, mb = (weights * a).sum((0, 1)), (weights * b).sum((0, 1))
            va, vb = (weights * (a - ma) ** 2).sum((0, 1)), (weights * (b - mb) ** 2).sum((0, 1))
            cov = (weights * (a - ma) * (b - mb)).sum((0, 1))
            upper = (2 * ma * mb + 2.55**2) * (2 * cov + 7.65**2)
            lower = (ma**2 + mb**2 + 2.55**2) * (va + vb + 7.65**2)
            out[y, x] = (upper / lower).mean()
    return out


@pytest.mark.parametrize("seed", [0, 1])
def test_ssim_is_the_published_formula(seed: int) -> None:
    image, truth = pair(seed)
    expected = slow_ssim_map(image, truth)
    np.testing.assert_allclose(ssim_map(image, truth), expected, atol=1e-9)
    np.testing.assert_allclose(mean_ssim(ssim_map(image, truth)), expected.mean(), atol=1e-9)
    # Window centres inside the box, as far as their windows lie inside the frame.
    inside = expected[max(0, 3 - 5) : 41 - 5, 7 - 5 : 30 - 5]
    np.testing.assert_allclose(mean_ssim(ssim_map(image, truth), BOX), inside.mean(), atol=1e-9)


def test_ssim_agrees_with_scipy_filters() -> None:
    image, truth = pair(2)
    a, b = image.astype(float), truth.astype(float)

    def blur(x: np.ndarray) -> np.ndarray:
        return gaussian_filter(x, (1.5, 1.5, 0), radius=(5, 5, 0))[5:-5, 5:-5]

    ma, mb = blur(a), blur(b)
    va, vb, cov = blur(a * a) - ma**2, blur(b * b) - mb**2, blur(a * b) - ma * mb
    upper = (2 * ma * mb + 2.55**2) * (2 * cov + 7.65**2)
    expected = upper / ((ma**2 + mb**2 + 2.55**2) * (va + vb + 7.65**2))
    np.testing.assert_allclose(mean_ssim(ssim_map(image, truth)), expected.mean(), atol=1e-9)


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 1000), st.sampled_from([None, BOX]))
def test_psnr_and_l1_pixel_by_pixel(seed: int, box: tuple[int, int, int, int] | None) -> None:
    image, truth = pair(seed)
    left, top, right, bottom = box or (0, 0, 36, 48)
    values = [
        float(image[y, x, c]) - float(truth[y, x, c])
        for y in range(top, bottom)
        for x in range(left, right)
        for c in range(3)
    ]
    mse = sum(v * v for v in values) / len(values)
    np.testing.assert_allclose(psnr(image, truth, box), 20 * np.log10(255 / np.sqrt(mse)))
    mean = sum(map(abs, values)) / len(values) / 255
    np.testing.assert_allclose(l1(image, truth, box), mean)


def test_identical_images() -> None:
    image, _ = pair(0)
    assert psnr(image, image) == PSNR_CAP and l1(image, image) == 0
    np.testing.assert_allclose(mean_ssim(ssim_map(image, image)), 1)


def test_extremes_do_not_wrap_around() -> None:
    black, white = np.zeros((16, 16, 3), np.uint8), np.full((16, 16, 3), 255, np.uint8)
    assert psnr(black, white) == pytest.approx(0) and l1(black, white) == pytest.approx(1)
    assert psnr(white, black) == pytest.approx(0) and l1(white, black) == pytest.approx(1)


def test_no_window_fits() -> None:
    image, truth = pair(0)
    assert np.isnan(mean_ssim(ssim_map(image[:9], truth[:9])))
    assert np.isnan(mean_ssim(ssim_map(image, truth), (0, 0, 5, 5)))
    assert np.isnan(mean_ssim(ssim_map(image, truth), (31, 0, 36, 48)))
