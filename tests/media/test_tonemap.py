import numpy as np
import pytest

from audioplane.media.tonemap import HLG, PQ, hdr_to_sdr, is_hdr


def grey_ramp() -> np.ndarray:
    levels = np.linspace(0, 65535, 64).round().astype(np.uint16)
    return np.repeat(levels[None, :, None], 3, axis=2)


@pytest.mark.parametrize("transfer", [PQ, HLG])
def test_greys_stay_grey_and_in_order(transfer):
    sdr = hdr_to_sdr(grey_ramp(), transfer)[0].astype(int)
    assert np.abs(sdr - sdr[:, :1]).max() <= 2
    assert (np.diff(sdr[:, 0]) >= 0).all()
    assert sdr[0, 0] == 0
    assert sdr[-1, 0] > 240


def test_diffuse_white_is_bright_but_below_the_highlights():
    white = np.full((1, 1, 3), round(0.58 * 65535), np.uint16)  # 203 cd/m² in PQ, BT.2408
    level = int(hdr_to_sdr(white, PQ)[0, 0, 0])
    assert 220 < level < 250


def test_only_hdr_curves_are_hdr():
    assert is_hdr(PQ)
    assert is_hdr(HLG)
    assert not is_hdr(1)
