import numpy as np
import pytest

from audioplane.errors import CheckpointError
from audioplane.web.head_bin import read_head_bin, write_head_bin


@pytest.mark.parametrize(
    ("kind", "error"), [("f32", 0.0), ("f16", 2**-11 * 3), ("u16", 6 / 65535 / 2)]
)
def test_arrays_come_back_as_exactly_as_their_type_holds_them(tmp_path, kind, error):
    values = np.random.default_rng(0).uniform(-3, 3, (50, 3)).astype(np.float32)
    facts = {"consent": "é; „x“"}
    write_head_bin(tmp_path / "a.bin", facts, {"one": (values, kind), "two": (values[:7], kind)})
    read, arrays = read_head_bin(tmp_path / "a.bin")
    assert read == facts
    assert np.abs(arrays["one"] - values).max() <= error * 1.001
    assert np.array_equal(arrays["two"].shape, (7, 3))


def test_columns_that_do_not_vary_come_back(tmp_path):
    values = np.full((4, 2), 0.25, np.float32)
    write_head_bin(tmp_path / "a.bin", {}, {"x": (values, "u16")})
    assert np.array_equal(read_head_bin(tmp_path / "a.bin")[1]["x"], values)


def test_steps_are_a_part_of_the_standard_deviation(tmp_path):
    values = np.random.default_rng(0).normal(0.2, 3, (500, 30)).astype(np.float32)
    write_head_bin(tmp_path / "a.bin", {}, {"x": (values, "i16")})
    error = np.abs(read_head_bin(tmp_path / "a.bin")[1]["x"] - values).max()
    assert 0.99 < error / (values.std() / 128 / 2) < 1.001


def test_steps_are_wider_where_one_number_is_far_from_all_others(tmp_path):
    values = np.zeros(200_000, np.float32)
    values[7] = -1
    write_head_bin(tmp_path / "a.bin", {}, {"x": (values, "i16")})
    assert np.array_equal(read_head_bin(tmp_path / "a.bin")[1]["x"], values)


def test_a_file_that_is_cut_short_is_refused(tmp_path):
    path = tmp_path / "head.bin"
    write_head_bin(path, {}, {"x": (np.arange(100, dtype=np.float32), "f32")})
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(CheckpointError, match=r"head\.bin is no exported head"):
        read_head_bin(path)


@pytest.mark.parametrize("content", [b"", b"something else", b"APH1\xff\xff\xff\x7f{}"])
def test_another_file_is_refused_by_name(tmp_path, content):
    path = tmp_path / "head.bin"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"head\.bin is no exported head"):
        read_head_bin(path)
