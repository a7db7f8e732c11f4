import numpy as np

from audioplane.clock import FRAME_SAMPLES
from audioplane.face.regions import mouth_aperture
from audioplane.synthetic import synthetic_speaker
from audioplane.train.lips import upright_mouths


def test_speech_and_lips_belong_together_and_to_the_seed():
    one, again, other = (synthetic_speaker(seed) for seed in (3, 3, 4))
    np.testing.assert_array_equal(one.waveform, again.waveform)
    np.testing.assert_array_equal(one.landmarks, again.landmarks)
    assert one.waveform.shape == (len(one.landmarks) * FRAME_SAMPLES,)
    assert 45 < len(one.landmarks) / 25 < 55
    loud = np.sqrt((one.waveform.reshape(-1, FRAME_SAMPLES) ** 2).mean(1))
    apertures = mouth_aperture(one.landmarks)
    # A mouth that is wide open is heard, and one in a pause is shut.
    assert np.corrcoef(loud, apertures)[0, 1] > 0.4
    assert np.median(apertures[loud < 0.01]) < 0.2 * np.percentile(apertures, 95)
    frames = min(len(one.landmarks), len(other.landmarks))
    assert np.abs(one.landmarks[:frames] - other.landmarks[:frames]).max() > 5


def test_the_face_is_as_large_as_a_cameras():
    mouths = upright_mouths(synthetic_speaker(0).landmarks[:50])
    assert 50 < np.ptp(mouths[..., 0]) < 150
