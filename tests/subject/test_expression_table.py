import json

import numpy as np
import pytest

from audioplane.errors import ExpressionError
from audioplane.subject.expression import CONTROLS
from audioplane.subject.expression_table import read_expression_table


def first(path) -> dict[str, float]:
    return dict(zip(CONTROLS, read_expression_table(path).changes[0].tolist(), strict=True))


def told(path) -> set[str]:
    table = read_expression_table(path)
    return {name for name, tells in zip(CONTROLS, table.told, strict=True) if tells}


BROWS = {"inner brows", "image-left brow", "image-right brow"}


def test_live_link_face(tmp_path):
    path = tmp_path / "take.csv"
    names = (
        "Timecode,BlendShapeCount,BrowInnerUp,EyeBlinkLeft,EyeLookOutLeft,EyeLookInRight,JawOpen"
    )
    rows = [
        f"10:00:{i // 60:02d}:{i % 60:02d}.123,61,0.5,{(i % 30) / 30},1,1,0.9" for i in range(240)
    ]
    path.write_text("\n".join([names, *rows]) + "\n")
    table = read_expression_table(path)
    assert len(table.changes) == 100  # four seconds at 60 a second
    assert told(path) == BROWS | {"image-left lid", "image-right lid", "gaze yaw", "gaze pitch"}
    # Frame 0 lies at 20 ms: between the second and the third row. Left is the image's right.
    assert table.changes[0, 4] == pytest.approx(1.2 / 30, abs=1e-4)
    assert table.changes[0, 3] == 0
    assert np.degrees(table.changes[0, 6]) == pytest.approx(30)


def test_a_recording_that_was_cut_off_is_read_to_its_last_whole_row(tmp_path):
    path = tmp_path / "take.csv"
    path.write_text("time,browInnerUp,eyeSquintLeft\n0,0.5,0\n1,0.5,0\n2,0.")
    assert len(read_expression_table(path).changes) == 50


@pytest.mark.parametrize(
    ("column", "times"), [("timestamp_ms", (0, 500)), ("time (ms)", (0, 500)), ("Time", (0, 0.5))]
)
def test_a_table_with_times(tmp_path, column, times):
    path = tmp_path / "a.csv"
    rows = [f"{time}, {value}" for time, value in zip(times, (0, 0.5), strict=True)]
    path.write_text("\n".join([f"{column}, brow_inner_up", *rows]))
    found = read_expression_table(path).changes[:, 0]
    assert len(found) == 25
    np.testing.assert_allclose(found[:12], np.arange(12) * 0.04 + 0.02, atol=1e-6)


FRAMES = [{"browInnerUp": 0.4, "browDownLeft": 0.1}, {"browInnerUp": 0.4, "browDownLeft": 0.1}]
NAMES = ["browInnerUp", "browDownLeft"]


@pytest.mark.parametrize(
    "data",
    [
        FRAMES,
        {"fps": 50, "frames": FRAMES},
        {"names": NAMES, "metadata": {"fps": 30}, "frames": [{"weights": [0.4, 0.1]}] * 2},
        {"frames": [{"time": 0.1 * i, **frame} for i, frame in enumerate(FRAMES)]},
        [[{"categoryName": n, "score": s} for n, s in FRAMES[0].items()]] * 2,
        [{"blendshapes": [{"category_name": n, "score": s} for n, s in FRAMES[0].items()]}],
    ],
)
def test_json(tmp_path, data):
    path = tmp_path / "a.json"
    path.write_text(json.dumps(data))
    assert told(path) == BROWS
    found = first(path)
    assert found["inner brows"] == pytest.approx(0.35)
    assert found["image-right brow"] == pytest.approx(-0.1) and found["image-left brow"] == 0


def write(path, values):
    path.write_text("eyeBlinkLeft,eyeBlinkRight,browInnerUp\n" + "\n".join(values))
    return path


def test_a_long_table_counts_from_its_median_and_a_short_one_from_neutral(tmp_path):
    short = write(tmp_path / "s.csv", ["0,0,0.3"] * 100)
    long = write(tmp_path / "l.csv", ["0,0,0.3"] * 300 + ["0,0,0.8"] * 20)
    assert first(short)["inner brows"] == pytest.approx(0.3)
    found = read_expression_table(long).changes[:, 0]
    np.testing.assert_allclose([found[0], found[-1]], [0, 0.5], atol=1e-6)


def test_lids_count_where_the_table_blinks_all_along(tmp_path):
    blinks = ["0.9,0.9,0" if i % 100 < 4 else "0.1,0.1,0" for i in range(600)]
    half = [*blinks[:250], *["0.1,0.1,0"] * 350]
    lids = {"image-left lid", "image-right lid"}
    assert told(write(tmp_path / "a.csv", blinks)) == BROWS | lids
    assert told(write(tmp_path / "b.csv", half)) == BROWS


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("a.csv", "", "no rows"),
        ("a.csv", "browInnerUp\n", "no rows"),
        ("a.csv", "browInnerUp,jawOpen\n0\n", "no rows"),
        ("a.csv", "browInnerUp\nx\n", "could not convert"),
        ("a.csv", "jawOpen\n0.5\n", "names no coefficient"),
        ("a.csv", "browInnerUp\n0.5\n50\n", "in row 1"),
        ("a.csv", "browInnerUp\nnan\n", "in row 0"),
        ("a.csv", "time,browInnerUp\n1,0\n0,0\n", "do not rise"),
        ("a.csv", "time,browInnerUp\n0,0\n9999,0\n", "longer than 60 minutes"),
        ("a.csv", "Timecode,browInnerUp\n1:2,0\n", "timecode '1:2'"),
        ("a.csv", "Timecode,browInnerUp\n0:0:0:500,0\n", "frame 500"),
        ("a.json", "{", "JSONDecodeError"),
        ("a.json", "[]", "no frames"),
        ("a.json", '{"fps": 0, "frames": [{"browInnerUp": 0}]}', "fps of 0"),
        ("a.json", '{"frames": 3}', "no frames"),
        ("a.json", "[3]", "TypeError"),
        ("a.json", '["ab"]', "AttributeError"),
        ("a.json", '{"metadata": null, "frames": [{"browInnerUp": 0}]}', "AttributeError"),
        ("a.json", '[{"browInnerUp": 1' + "0" * 400 + "}]", "OverflowError"),
        ("a.json", '[{"browInnerUp": "high"}]', "could not convert"),
    ],
)
def test_what_is_no_table_is_an_error_of_one_line(tmp_path, name, text, why):
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(ExpressionError, match=why) as raised:
        read_expression_table(path)
    assert "\n" not in str(raised.value) and str(path) in str(raised.value)


def test_a_missing_file_is_an_error(tmp_path):
    with pytest.raises(ExpressionError, match="FileNotFoundError"):
        read_expression_table(tmp_path / "nothing.csv")
