from pathlib import Path

import numpy as np
import pytest
import torch

from audioplane.errors import SpeechError
from audioplane.speech import checked_features, load_external_features
from audioplane.speech.window import windows


@pytest.mark.parametrize("shape", [(5, 16, 29), (5, 16, 44), (5, 2, 1024), (1, 1, 1)])
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
def test_features_of_prior_work_are_read(
    tmp_path: Path, shape: tuple[int, ...], dtype: type
) -> None:
    written = np.random.default_rng(0).standard_normal(shape).astype(dtype)
    np.save(tmp_path / "a.npy", written)
    read = load_external_features(tmp_path / "a.npy")
    assert read.dtype == np.float32
    np.testing.assert_array_equal(read, written.astype(np.float32))


@pytest.mark.parametrize("frames", [1, 2, 1001, 2500])
def test_windows_that_share_steps_take_the_memory_of_their_steps(
    tmp_path: Path, frames: int
) -> None:
    steps = np.random.default_rng(1).standard_normal((2 * frames + 14, 5)).astype(np.float32)
    for changed in (None, frames - 1):
        written = windows(steps)
        if changed is not None:
            written[changed, 3] += 1
        np.save(tmp_path / "a.npy", written)
        read = load_external_features(tmp_path / "a.npy")
        np.testing.assert_array_equal(read, written)
        shared = read.strides[0] == 2 * read.strides[1]
        assert shared == (changed is None or frames == 1)
        assert torch.equal(torch.from_numpy(read)[-1:], torch.from_numpy(written)[-1:])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (np.zeros((5, 29)), "shape"),
        (np.zeros((0, 16, 29)), "shape"),
        (np.zeros((5, 16, 29), np.int64), "int64"),
        (np.zeros((5, 16, 29), complex), "complex128"),
        (np.full((5, 16, 29), np.inf), "not finite"),
    ],
)
def test_other_arrays_are_refused(tmp_path: Path, content: np.ndarray, message: str) -> None:
    np.save(tmp_path / "a.npy", content)
    with pytest.raises(SpeechError, match=message):
        load_external_features(tmp_path / "a.npy")


def test_other_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SpeechError, match="cannot be read"):
        load_external_features(tmp_path / "missing.npy")
    for data in (b"", b"\x93NUMPY\x01\x00", b"text"):
        (tmp_path / "a.npy").write_bytes(data)
        with pytest.raises(SpeechError, match="cannot be read"):
            load_external_features(tmp_path / "a.npy")
    np.savez(tmp_path / "a.npz", np.zeros((5, 16, 29)))
    with pytest.raises(SpeechError, match="magic string is not correct"):
        load_external_features(tmp_path / "a.npz")
    np.save(tmp_path / "o.npy", np.array([{}]), allow_pickle=True)
    with pytest.raises(SpeechError, match="Python objects"):
        load_external_features(tmp_path / "o.npy")


def test_an_array_is_checked_and_copied_as_a_file_is() -> None:
    rng = np.random.default_rng(0)
    for given in (rng.random((5, 16, 29))[::-1], rng.random((5, 16, 29)).astype(">f4")):
        read = checked_features(given, "it")
        assert read.dtype == np.float32 and torch.from_numpy(read).shape == (5, 16, 29)
        np.testing.assert_array_equal(read, given.astype(np.float32))
    with pytest.raises(SpeechError, match="^it holds values that are not finite"):
        checked_features(np.full((5, 16, 29), np.nan), "it")
