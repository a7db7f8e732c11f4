from pathlib import Path

import numpy as np
import pytest

from audioplane.drive.output import check_drive_output, open_drive_output
from audioplane.errors import MediaError
from audioplane.media.image import read_image


def test_a_name_without_suffix_is_a_folder_of_images(tmp_path):
    out, frame = tmp_path / "me", np.zeros((32, 48, 4), np.uint8)
    check_drive_output(out, tmp_path / "speech.wav", 18, transparent=True)
    with open_drive_output(out, (48, 32), None, 18, lambda path: None, transparent=True) as made:
        for level in (10, 20):
            frame[..., 3] = level
            made.write(frame)
    assert [read_image(p, 4)[0, 0, 3] for p in sorted(out.iterdir())] == [10, 20]
    with pytest.raises(MediaError, match="there already"):
        check_drive_output(out, tmp_path / "speech.wav", 18, transparent=True)


@pytest.mark.parametrize(("name", "transparent"), [("me.mp4", True), ("me", False)])
def test_what_cannot_be_written_is_refused(tmp_path, name, transparent):
    with pytest.raises(MediaError):
        check_drive_output(tmp_path / name, Path("speech.wav"), 18, transparent)
