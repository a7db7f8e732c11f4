import numpy as np

from audioplane.evaluate.syncnet.mfcc import mfcc

# python_speech_features 0.6, mfcc(samples, 16000), of the sound below as 16-bit samples.
PUBLISHED = {
    0: (
        *(17.9459, 26.7364, 21.2564, 19.1646, 16.5827, 12.1785, 7.5117),
        *(1.1893, -4.2434, -9.5698, -12.6333, -14.7738, -15.2703),
    ),
    5: (
        *(19.1428, 36.438, 14.7447, -7.8411, -21.7397, -21.6081, -8.121),
        *(7.9965, 19.0578, 19.1651, 11.1135, -1.3883, -11.5429),
    ),
    10: (
        *(20.1568, 22.542, -9.9459, -23.6011, -4.2198, 29.3622, 44.3808),
        *(25.8574, -5.2762, -21.1721, -12.417, 2.9915, 7.025),
    ),
}


def sound() -> np.ndarray:
    t = np.arange(2000)
    return (0.3 * np.sin(t * 0.05) + 0.2 * np.sin(t * t * 1e-4)).astype(np.float32)


def test_it_is_what_syncnet_was_trained_on():
    cepstra = mfcc(sound())
    assert cepstra.shape == (11, 13) and cepstra.dtype == np.float32
    for row, expected in PUBLISHED.items():
        np.testing.assert_allclose(cepstra[row], expected, atol=1e-3)


def test_silence_and_short_sounds_are_finite():
    for n in (1, 399, 400, 401, 5000):
        cepstra = mfcc(np.zeros(n, np.float32))
        assert len(cepstra) == 1 + max(0, int(np.ceil((n - 400) / 160)))
        assert np.isfinite(cepstra).all()


def test_a_delay_of_whole_steps_delays_the_rows():
    late = np.concatenate([np.zeros(640, np.float32), sound()])
    np.testing.assert_allclose(mfcc(late)[5:14], mfcc(sound())[1:10], atol=1e-4)
