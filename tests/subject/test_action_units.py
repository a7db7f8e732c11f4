import os
from pathlib import Path

import numpy as np
import pytest

from audioplane.errors import SubjectError
from audioplane.subject.action_units import _header, read_blinks

HEADER = "frame, face_id, timestamp, confidence, success, AU45_r, AU45_c"


def write(folder: Path, *rows: str, header: str = HEADER) -> Path:
    path = folder / "au.csv"
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def row(frame: int, intensity: float, success: int = 1, face: int = 0) -> str:
    return f"{frame},  {face},  0.0,  0.98,  {success}, {intensity}, 0.0"


def test_frame_one_is_the_first_image_and_two_is_closed(tmp_path):
    path = write(tmp_path, row(1, 0.0), row(2, 1.0), row(3, 2.0), row(4, 4.5))
    np.testing.assert_allclose(read_blinks(path).closed, [0, 0.5, 1, 1])


def test_a_header_without_spaces_is_read_too(tmp_path):
    path = write(tmp_path, "1,1.0", "2,2.0", header="frame,AU45_r")
    np.testing.assert_allclose(read_blinks(path).closed, [0.5, 1])


def test_a_byte_order_mark_and_spaces_after_names_are_no_part_of_them(tmp_path):
    path = write(tmp_path, "1,1.0", "2,2.0", header="\ufeffframe , AU45_r ")
    np.testing.assert_allclose(read_blinks(path).closed, [0.5, 1])
    assert _header(path) == {"frame", "AU45_r"}


def test_missing_failed_and_second_rows_are_bridged(tmp_path):
    rows = [row(2, 1.0), row(2, 0.0, face=1), row(3, 2.0, success=0), row(6, 0.2)]
    table = read_blinks(write(tmp_path, *rows))
    np.testing.assert_allclose(table.closed, [0.5, 0.5, 0.4, 0.3, 0.2, 0.1])
    assert table.unusable == ()


@pytest.mark.parametrize("broken", ["nan", "inf", "-inf", "1e30"])
def test_one_row_without_a_number_is_interpolated_and_known(tmp_path, broken):
    rows = [row(1, 0.0), row(2, float(broken)), row(3, 2.0)]
    table = read_blinks(write(tmp_path, *rows))
    np.testing.assert_allclose(table.closed, [0, 0.5, 1])
    assert table.unusable == (1,)


@pytest.mark.parametrize(
    ("header", "rows"),
    [
        ("frame, AU12_r", ["1, 0.0"]),
        (HEADER, []),
        (HEADER, [row(1, 0.0, success=0)]),
        (HEADER, ["1, 0, 0.0"]),
        (HEADER, [row(1, float("nan"))]),
        (HEADER, [row(1, float("nan")), row(2, float("nan")), row(3, 0.0)]),
        (HEADER, ["1e300, 0, 0, 1, 1, 0.5, 0"]),
        (HEADER, ["nan, 0, 0, 1, 1, 0.5, 0"]),
    ],
)
def test_other_tables_are_refused(tmp_path, header, rows):
    path = write(tmp_path, *rows, header=header)
    with pytest.raises(SubjectError, match="au.csv"):
        read_blinks(path)


@pytest.mark.skipif("AUDIOPLANE_ASSETS" not in os.environ, reason="AUDIOPLANE_ASSETS is not set")
def test_a_published_table():
    path = Path(os.environ["AUDIOPLANE_ASSETS"]) / "data/peers/ernerf_ct_man/au.csv"
    blinks = read_blinks(path).closed
    assert len(blinks) == 1687 and blinks[0] == pytest.approx(0.085)
    assert 0 <= blinks.min() and blinks.max() <= 1
    # A man of 67 s blinks, and keeps his eyes open in between.
    assert (blinks > 0.5).any() and np.median(blinks) < 0.2
