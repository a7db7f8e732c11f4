import numpy as np

from audioplane.speech.bands import (
    BANDS,
    TYPICAL_DB,
    TYPICAL_WEIGHT,
    band_centres,
    band_decibels,
    band_span,
    mel_filters,
    power_spectra,
    typical_mean,
)

HERTZ = np.arange(513) * 16000 / 1024


def test_filters_are_triangles_that_sum_to_one_between_their_ends() -> None:
    filters = mel_filters()
    assert filters.shape == (BANDS, 513)
    assert (filters.sum(1) > 0).all()
    inside = (HERTZ > 150) & (HERTZ < 7300)
    np.testing.assert_allclose(filters[:, inside].sum(0), 1, atol=1e-9)


def test_centres_are_where_the_filters_peak() -> None:
    wide = mel_filters()[40:]
    peaks = HERTZ[wide.argmax(1)]
    np.testing.assert_allclose(band_centres()[40:], peaks, atol=8)


def test_a_span_holds_the_windows_of_its_steps_and_no_sample_more() -> None:
    first, last = band_span(3, 7)
    assert power_spectra(np.zeros(last - first)).shape == (4, 513)
    # The first sample only feeds the pre-emphasis of the first window.
    assert (first, last) == (3 * 320 - 160 - 1, 7 * 320 + 160)


def test_a_full_scale_tone_has_its_power_in_its_band() -> None:
    tone = np.sin(2 * np.pi * 1000 * np.arange(641) / 16000)
    decibels = band_decibels(power_spectra(tone))
    assert decibels.shape == (1, BANDS) and abs(band_centres()[decibels[0].argmax()] - 1000) < 30
    assert band_decibels(np.zeros((1, 513))).max() == -110


def test_a_mean_over_little_is_near_the_typical_one() -> None:
    assert (typical_mean(np.zeros(BANDS), 0) == TYPICAL_DB).all()
    half = typical_mean(np.full(BANDS, -51.0 * TYPICAL_WEIGHT), TYPICAL_WEIGHT)
    np.testing.assert_allclose(half, (TYPICAL_DB - 51) / 2)
