import shutil

import numpy as np

from audioplane.media.image import write_image
from audioplane.subject import Label, SubjectPaths, load_subject, paint_labels
from audioplane.subject.overlay import draw_frame, draw_sheet, head_axes
from tests.subject.prior_work import ad_nerf


def test_axes_point_up_and_out_of_the_face_in_every_world(spoken_subject, tmp_path):
    for subject in (spoken_subject, load_subject(ad_nerf(spoken_subject, tmp_path / "s").root)):
        axes = head_axes(subject)
        for ref in subject.train[::10]:
            right, up, out = axes @ ref.viewmat[:3, :3].T  # in OpenCV's axes
            assert right[0] > 0.8 and up[1] < -0.8 and out[2] < -0.8


def test_landmarks_and_outlines_lie_where_they_belong(spoken_subject, tmp_path):
    ref = spoken_subject.train[0]
    shutil.copytree(spoken_subject.paths.root, tmp_path / "s")
    paths = SubjectPaths(tmp_path / "s")
    labels = np.full((64, 64), Label.BACKGROUND, np.uint8)
    labels[10:40, 20:44] = Label.HEAD
    labels[40:, 16:48] = Label.TORSO
    write_image(paths.parsing(ref.img_id), paint_labels(labels))
    write_image(paths.image(ref.img_id), np.full((64, 64, 3), 90, np.uint8))
    drawn = draw_frame(load_subject(paths.root), ref, 128).astype(int)
    magenta = np.abs(drawn - (255, 0, 255)).sum(-1) < 60
    assert magenta[22:78, 40].mean() > 0.6  # the head's left side, at twice the size
    assert not magenta[:16].any() and not magenta[84:].any()
    yellow = np.abs(drawn - (255, 230, 0)).sum(-1) < 150
    x, y = np.round(2 * spoken_subject.landmarks(ref)[8]).astype(int)
    assert yellow[y - 2 : y + 3, x - 2 : x + 3].any()


def test_the_sheet_shows_held_out_frames_too(spoken_subject):
    sheet = draw_sheet(spoken_subject, count=5, width=96, columns=2)
    assert sheet.shape == (3 * (96 + 20), 2 * 96, 3)
    assert (sheet[-96:, -96:] == 40).all()  # five images in six places
    assert len(np.unique(sheet[20:116, :96].reshape(-1, 3), axis=0)) > 100
