"""`Shelf` is tested through its users: perceptual and evaluate.syncnet."""

import pytest
import torch

from audioplane.assets import read_tensors
from audioplane.errors import CheckpointError


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ({"a": torch.zeros(2, 3)}, "b is missing"),
        ({"a": torch.zeros(2, 3), "b": torch.zeros(1), "c": torch.zeros(1)}, "c is too much"),
        ({"a": torch.zeros(3, 2), "b": torch.zeros(1)}, r"a is \(3, 2\) instead of \(2, 3\)"),
        ({"a": 1.0, "b": torch.zeros(1)}, r"a is \(\) instead of"),
        ({f"x{i}": torch.zeros(1) for i in range(9)}, "and 8 more"),
        ([torch.zeros(2, 3)], "no weights by name"),
        ({"a": print}, "damaged or no file of weights"),
    ],
)
def test_other_weights_are_refused_by_name(tmp_path, content, fault):
    path = tmp_path / "some.pth"
    torch.save(content, path)
    with pytest.raises(CheckpointError, match=rf"some\.pth.*{fault}"):
        read_tensors(path, {"a": (2, 3), "b": (1,)})


@pytest.mark.parametrize("content", [b"", b"a portal's login page", None])
def test_files_that_are_not_weights_are_refused(tmp_path, content):
    path = tmp_path / "some.pth"
    torch.save({"a": torch.zeros(99)}, path)
    path.write_bytes(path.read_bytes()[:-50] if content is None else content)
    with pytest.raises(CheckpointError, match=r"some\.pth is damaged"):
        read_tensors(path, {"a": (99,)})


def test_what_may_be_there_as_well(tmp_path):
    path = tmp_path / "some.pth"
    kept = {"a": torch.ones(2, dtype=torch.float64), "b.counter": torch.tensor(3)}
    torch.save(kept, path)
    tensors = read_tensors(path, {"a": (2,)}, ignored=r".*\.counter")
    assert tensors.keys() == {"a"} and tensors["a"].dtype == torch.float32
    with pytest.raises(CheckpointError, match="b.counter is too much"):
        read_tensors(path, {"a": (2,)}, ignored="counter")
