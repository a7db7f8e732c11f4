from pathlib import Path

import numpy as np
import pytest

from audioplane.errors import MediaError
from audioplane.evaluate.scores.action_units import (
    LOWER_SHAPES,
    LOWER_UNITS,
    UNITS,
    UPPER_SHAPES,
    UPPER_UNITS,
    action_unit_errors,
    blendshape_errors,
    read_openface,
)
from audioplane.face.landmarker import BLENDSHAPES


def write_table(
    path: Path, values: np.ndarray, fps: float = 25, space: str = " ", failed: slice = slice(0)
) -> Path:
    """As OpenFace writes it: one-based frames, spaces before names, columns in its own order."""
    units = sorted(UNITS)
    names = ["frame", "face_id", "timestamp", "confidence", "success"]
    names += [f"AU{u:02d}_r" for u in units] + ["AU45_c"]
    lines = [f",{space}".join(names)]
    for i, row in enumerate(values):
        success = "0" if i in range(len(values))[failed] else "1"
        cells = [str(i + 1), "0", f"{i / fps:.3f}", "0.98", success]
        cells += [f"{row[UNITS.index(u)]:.4f}" for u in units] + ["0"]
        lines.append(", ".join(cells))
    path.write_text("\n".join(lines) + "\n")
    return path


def intensities(seed: int, n: int = 30) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0, 5, (n, len(UNITS))).round(4)


@pytest.mark.parametrize("space", ["", " "])
def test_openface_table(tmp_path, space):
    values = intensities(0)
    table = read_openface(write_table(tmp_path / "a.csv", values, space=space))
    np.testing.assert_allclose(table, values)


def test_frames_in_which_openface_found_no_face_have_no_intensities(tmp_path):
    path = write_table(tmp_path / "a.csv", intensities(6, 3), failed=slice(1, 2))
    assert np.isnan(read_openface(path)).all(1).tolist() == [False, True, False]


def test_other_rates_are_sampled_by_time(tmp_path):
    values = intensities(1, 60)
    fast = read_openface(write_table(tmp_path / "a.csv", values, fps=50))
    np.testing.assert_allclose(fast, values[1::2])  # on screen at (k + 0.5) / 25 s
    slow = read_openface(write_table(tmp_path / "b.csv", values[:10], fps=12.5))
    np.testing.assert_allclose(slow, np.repeat(values[:10], 2, 0))


@pytest.mark.parametrize(
    "text, word",
    [
        ("", "timestamp"),
        ("frame, timestamp, AU01_r\n1, 0, 0.5\n", "AU02_r"),
        ("\x00\xff", "timestamp"),
    ],
)
def test_other_files_are_refused(tmp_path, text, word):
    path = tmp_path / "a.csv"
    path.write_text(text)
    with pytest.raises(MediaError, match=word):
        read_openface(path)
    with pytest.raises(MediaError, match="cannot be read"):
        read_openface(tmp_path / "none.csv")


def test_a_damaged_row_is_refused(tmp_path):
    path = write_table(tmp_path / "a.csv", intensities(2))
    path.write_text(path.read_text() + "31, 0, 1.2\n")
    with pytest.raises(MediaError, match="damaged"):
        read_openface(path)


@pytest.mark.parametrize(
    "times, first",
    [
        ([0, np.nan, 0.08], 1),
        ([0, 0.04, 0.08], np.inf),
        ([0, 0.08, 0.04], 1),
        ([0, 0.04, 1e10], 1),
    ],
)
def test_times_and_intensities_of_no_video_are_refused(tmp_path, times, first):
    path = write_table(tmp_path / "a.csv", intensities(2, 3))
    head, *rows = path.read_text().splitlines()
    cells = [row.split(", ") for row in rows]
    for row, time in zip(cells, times, strict=True):
        row[2] = str(time)
    cells[0][5] = str(first)
    path.write_text("\n".join([head, *map(", ".join, cells)]))
    with pytest.raises(MediaError, match="of no video"):
        read_openface(path)


def test_a_table_of_blank_lines_has_no_rows(tmp_path):
    path = write_table(tmp_path / "a.csv", intensities(2, 0))
    path.write_text(path.read_text() + "\n\n")
    with pytest.raises(MediaError, match="no rows"):
        read_openface(path)


def test_aue_is_the_published_formula():
    a, b = intensities(3), intensities(4)
    upper = lower = 0.0
    for unit in (1, 2, 4, 5, 6, 7, 9, 45):
        column = UNITS.index(unit)
        upper += sum((a[t, column] - b[t, column]) ** 2 for t in range(30)) / 30
    for unit in (10, 12, 14, 15, 17, 20, 23, 25, 26):
        column = UNITS.index(unit)
        lower += sum((a[t, column] - b[t, column]) ** 2 for t in range(30)) / 30
    assert action_unit_errors(a, b) == pytest.approx((upper, lower))
    assert action_unit_errors(a, a) == (0, 0)
    assert len(UPPER_UNITS) + len(LOWER_UNITS) == 17


def test_blendshapes_upper_and_lower():
    true = np.random.default_rng(5).uniform(0, 1, (20, 52))
    for name, upper, lower in (
        ("jawOpen", 0.0, 0.04),
        ("mouthSmileLeft", 0.0, 0.04),
        ("eyeBlinkRight", 0.04, 0.0),
        ("browInnerUp", 0.04, 0.0),
        ("eyeLookUpLeft", 0.0, 0.0),
        ("_neutral", 0.0, 0.0),
    ):
        changed = true.copy()
        changed[:, BLENDSHAPES.index(name)] += 0.2
        errors = blendshape_errors(changed, true)
        assert errors.bse_upper == pytest.approx(upper), name
        assert errors.bse_lower == pytest.approx(lower), name
        assert errors.aue_upper is None and errors.aue_lower is None
    assert not set(UPPER_SHAPES) & set(LOWER_SHAPES)
    assert len(UPPER_SHAPES) + len(LOWER_SHAPES) == 52 - 1 - 8
    assert blendshape_errors(true[:0], true[:0]).bse_upper is None
