"""The whole preparation with MediaPipe's own models on a real clip; neither lies in the project."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

from audioplane.assets import ASSETS_VARIABLE
from audioplane.face.regions import mouth_aperture
from audioplane.media.image import read_image
from audioplane.prepare import PrepareOptions, prepare_subject
from audioplane.subject import Label, load_subject, read_labels

SIZE = 256
PER_512 = 512 / SIZE
"""Pixels of a frame of 512 for one of these."""

pytestmark = pytest.mark.slow


def asset(name: str) -> Path:
    """A file of the assets folder, or a skipped test."""
    folder = os.environ.get(ASSETS_VARIABLE)
    if not folder:
        pytest.skip(f"{ASSETS_VARIABLE} does not name a folder with models and clips")
    path = Path(folder) / name
    if not path.is_file():
        pytest.skip(f"{ASSETS_VARIABLE} has no {name}")
    return path


def test_a_real_clip_is_prepared(tmp_path):
    asset("models/mediapipe/face_landmarker.task")
    asset("models/mediapipe/selfie_segmentation.tflite")
    clip = asset("data/clips/may_5s.mp4")
    out = tmp_path / "may"
    info = prepare_subject(clip, out, PrepareOptions(size=SIZE, speech=("mel",)))

    report = json.loads((out / "pose_report.json").read_text())
    assert report["median"] * PER_512 <= 1.5
    assert report["median_with_face_shape"] <= report["median"]
    assert report["jitter"] <= report["jitter_observed"]

    subject = load_subject(out)
    assert subject.info == info
    assert info.tools["parsing"] == "person network"
    assert len(subject.train) + len(subject.val) == info.n_frames - len(info.flags)
    assert len(info.flags) <= 0.05 * info.n_frames
    assert subject.features("mel").shape[0] == info.n_frames
    frame = subject.frame(subject.val[0])
    assert frame.image.shape == (SIZE, SIZE, 3)
    labels = read_labels(read_image(subject.paths.parsing(subject.val[0].img_id)))
    shares = {label: (labels == label).mean() for label in Label}
    assert 0.1 < shares[Label.HEAD] < 0.5
    assert shares[Label.TORSO] > 0.05
    assert shares[Label.BACKGROUND] > 0.15
    # She speaks: her mouth opens and closes.
    mouth = mouth_aperture(np.stack([subject.landmarks(ref) for ref in subject.train]))
    assert np.ptp(mouth) > 0.02
