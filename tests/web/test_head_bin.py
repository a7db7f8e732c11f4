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


@pytest.mark.parametrize("content", [b"", b"something else", b"APH1\xff\xff\xff\x7f{}"])
def test_another_file_is_refused_by_name(tmp_path, content):
    path = tmp_path / "head.bin"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"head\.bin is no exported head"):
        read_head_bin(path)
