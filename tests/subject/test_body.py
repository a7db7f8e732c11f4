import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from audioplane.errors import SubjectError
from audioplane.subject import load_body, reference_row, save_body
from audioplane.subject.expression import load_expressions


def moving(n: int) -> np.ndarray:
    """n rigid motions, the third the identity."""
    body = np.tile(np.eye(4), (n, 1, 1))
    body[:, :3, :3] = Rotation.from_rotvec(
        0.1 * (np.arange(n) - 2)[:, None] * [0, 0, 1]
    ).as_matrix()
    body[:, 0, 3] = 0.01 * (np.arange(n) - 2)
    return body


def test_what_is_saved_is_read(tmp_path):
    body = moving(5)
    body[1] = np.nan
    save_body(tmp_path / "body.npy", body)

    read = load_body(tmp_path / "body.npy")

    assert read.dtype == np.float64
    np.testing.assert_allclose(read, body, atol=1e-7)
    assert reference_row(read) == 2


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda b: b[:, :3], "shape"),
        (lambda b: b.astype(int), "int"),
        (lambda b: b * [[1.2], [1], [1], [1]], "frame 0 has no rigid"),
        (lambda b: b + 1e3 * (np.arange(4) == 3), "frame 0 has no rigid"),
        (lambda b: np.delete(b, 2, 0), "counts from"),
        (lambda b: np.where(np.arange(16).reshape(4, 4) == 3, np.nan, b), "frame 0 has no rigid"),
    ],
)
def test_what_no_tracker_writes_is_refused(tmp_path, spoil, why):
    np.save(tmp_path / "body.npy", spoil(moving(5)))
    with pytest.raises(SubjectError, match=why):
        load_body(tmp_path / "body.npy")


def test_a_header_asks_for_no_more_memory_than_the_file_is_long(tmp_path):
    header = {"descr": "<f4", "fortran_order": False, "shape": (10**13, 4, 4)}
    with (tmp_path / "body.npy").open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
    for load in (load_body, load_expressions):
        with pytest.raises(SubjectError, match="cannot be read"):
            load(tmp_path / "body.npy")


def test_a_file_that_is_no_array_is_refused(tmp_path):
    (tmp_path / "body.npy").write_bytes(b"\x93NUMPY")
    with pytest.raises(SubjectError, match="cannot be read"):
        load_body(tmp_path / "body.npy")
