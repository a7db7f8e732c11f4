import numpy as np
import pytest

from audioplane.errors import SubjectError
from audioplane.subject import load_subject
from audioplane.subject.expression import (
    COLUMNS,
    CONTROLS,
    controls,
    load_expressions,
    save_expressions,
    without_gaps,
)


def row(**values: float) -> np.ndarray:
    return np.array([values.get(name, 0.0) for name in COLUMNS], np.float32)


@pytest.mark.parametrize(
    ("values", "moved"),
    [
        ({"browInnerUp": 0.6}, {"inner brows": 0.6}),
        ({"browOuterUpLeft": 0.6}, {"image-right brow": 0.6}),
        ({"browDownRight": 0.6}, {"inner brows": -0.3, "image-left brow": -0.6}),
        ({"eyeBlinkRight": 0.8, "eyeWideRight": 0.1}, {"image-left lid": 0.7}),
        ({"eyeWideLeft": 0.3}, {"image-right lid": -0.3}),
        ({"eyeSquintLeft": 0.4, "noseSneerRight": 0.2}, {"squint": 0.3}),
        ({"gazeYaw": -0.2, "gazePitch": 0.1}, {"gaze yaw": -0.2, "gaze pitch": 0.1}),
    ],
)
def test_a_coefficient_moves_its_controls_on_its_side(values, moved):
    found = dict(zip(CONTROLS, controls(row(**values)), strict=True))
    assert found == pytest.approx({name: moved.get(name, 0.0) for name in CONTROLS}, abs=1e-6)


def test_what_is_saved_is_read(tmp_path):
    rows = np.random.default_rng(0).uniform(0, 1, (5, len(COLUMNS)))
    rows[2] = np.nan
    save_expressions(tmp_path / "expression.npy", rows)
    np.testing.assert_array_equal(
        load_expressions(tmp_path / "expression.npy"), rows.astype(np.float32)
    )


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda r: r[:, :8], "shape"),
        (lambda r: r.astype(int), "int"),
        (lambda r: r + 5, "out of range"),
        (lambda r: np.where(np.arange(len(COLUMNS)) == 3, np.nan, r), "out of range"),
    ],
)
def test_what_no_tracker_writes_is_refused(tmp_path, spoil, why):
    np.save(tmp_path / "expression.npy", spoil(np.full((4, len(COLUMNS)), 0.5)))
    with pytest.raises(SubjectError, match=why):
        load_expressions(tmp_path / "expression.npy")


def test_a_file_that_is_no_array_is_refused(tmp_path):
    (tmp_path / "expression.npy").write_bytes(b"\x93NUMPY")
    with pytest.raises(SubjectError, match="cannot be read"):
        load_expressions(tmp_path / "expression.npy")


def test_gaps_are_bridged():
    rows = np.full((6, 2), np.nan)
    rows[1], rows[3] = (0, 2), (1, 4)
    np.testing.assert_allclose(without_gaps(rows)[:, 0], [0, 0, 0.5, 1, 1, 1])
    assert not without_gaps(np.full((3, 2), np.nan)).any()


@pytest.fixture
def folder(spoken_subject, tmp_path):
    """The spoken subject's folder, as links."""
    for source in spoken_subject.paths.root.iterdir():
        (tmp_path / source.name).symlink_to(source)
    return tmp_path


def write_units(path, n: int) -> None:
    names = [f"AU{unit:02d}_r" for unit in (1, 2, 4, 5, 6, 7, 45)]
    rows = [f"{i + 1}, 1, 2.5, 0, 0, 0, 0, 5, {2 * (i % 2)}" for i in range(n)]
    path.write_text("\n".join(["frame, success, " + ", ".join(names), *rows]) + "\n")


def test_a_frame_has_the_expression_of_its_row(folder, spoken_subject):
    rows = load_expressions(spoken_subject.paths.expressions)
    subject = load_subject(folder)
    ref = subject.val[1]
    assert subject.has_expression
    np.testing.assert_allclose(subject.expression(ref), controls(rows[ref.img_id]))
    np.testing.assert_allclose(subject.expression_of(ref, 2), subject.blink(ref))


def test_action_units_stand_in(folder):
    (folder / "expression.npy").unlink()
    write_units(folder / "au.csv", 55)
    subject = load_subject(folder)
    expected = {"inner brows": 0.5, "squint": 1.0, "image-left lid": 1.0, "image-right lid": 1.0}
    found = dict(zip(CONTROLS, subject.expression(subject.train[3]), strict=True))
    assert found == pytest.approx({name: expected.get(name, 0.0) for name in CONTROLS})


def test_blinks_alone_are_no_expression(folder):
    (folder / "expression.npy").unlink()
    (folder / "au.csv").write_text("frame, AU45_r\n" + "".join(f"{i}, 0.5\n" for i in range(1, 56)))
    subject = load_subject(folder)
    assert not subject.has_expression
    with pytest.raises(SubjectError, match=r"expression.npy is missing"):
        subject.expression(subject.train[0])


@pytest.mark.parametrize("shorten", ["expression.npy", "au.csv"])
def test_a_file_of_another_video_is_refused(folder, shorten):
    (folder / "expression.npy").unlink()
    if shorten == "au.csv":
        write_units(folder / "au.csv", 40)
    else:
        save_expressions(folder / "expression.npy", np.zeros((40, len(COLUMNS))))
    subject = load_subject(folder)
    with pytest.raises(SubjectError, match="40 rows"):
        subject.expression(subject.train[0])
