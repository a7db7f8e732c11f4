import numpy as np
import pytest

from audioplane.media.tonemap import HLG, PQ, TO_709, hdr_to_sdr, is_hdr, light_table


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


@pytest.mark.parametrize("transfer", [PQ, HLG])
def test_the_kernel_follows_the_formula(transfer):
    signals = np.random.default_rng(0).integers(0, 65536, (40, 50, 3)).astype(np.uint16)
    light = light_table(transfer)[signals].astype(float) @ TO_709.T.astype(float)
    light = np.maximum(light, 0)
    peak = light.max(-1, keepdims=True)
    shown = np.where(peak > 0.75, 0.75 + 0.25 * np.tanh(peak - 0.75), peak)
    sdr = 255 * np.clip(light * shown / peak, 0, 1) ** (1 / 2.2)
    assert np.abs(hdr_to_sdr(signals, transfer) - sdr).max() < 1


def test_only_hdr_curves_are_hdr():
    assert is_hdr(PQ)
    assert is_hdr(HLG)
    assert not is_hdr(1)
