import numpy as np
import pytest

from audioplane.evaluate.scores.outline import outline_band, outline_psnr


def test_only_what_is_near_the_outline_counts():
    person = np.zeros((512, 512), bool)
    person[200:, 100:400] = True
    band = outline_band(person)
    columns = np.flatnonzero(band[300])
    assert columns.tolist() == [*range(88, 112), *range(388, 412)]
    image = np.full((512, 512, 3), 100, np.uint8)
    far, near = image.copy(), image.copy()
    far[:100], near[188:212] = 255, 110
    assert outline_psnr(far, image, person) == 100.0
    assert outline_psnr(near, image, person) == pytest.approx(
        -10 * np.log10((10 / 255) ** 2 * band[188:212].sum() / band.sum())
    )
    assert outline_psnr(near, image, np.zeros_like(person)) is None
