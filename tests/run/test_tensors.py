import json

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from audioplane.errors import CheckpointError, MediaError
from audioplane.run import RunPaths, head_file, load_tensors, open_run, save_tensors
from audioplane.run import tensors as tensors_file
from audioplane.speech.familiarity import Familiarity


def test_round_trip(tmp_path):
    path = tmp_path / "deep" / "a.safetensors"
    save_tensors(path, {"x": torch.arange(3.0)}, {"iteration": 7})
    tensors, facts = load_tensors(path)
    assert torch.equal(tensors["x"], torch.arange(3.0)) and facts["iteration"] == 7


def test_one_tensor_does_not_hold_the_others(tmp_path):
    path = tmp_path / "a.safetensors"
    save_tensors(path, {"small": torch.zeros(1), "large": torch.zeros(1000)}, {})
    small = load_tensors(path)[0]["small"]
    assert small.untyped_storage().nbytes() == 4


def test_damaged_bytes_are_an_error_that_says_what_to_do(tmp_path):
    path = tmp_path / "a.safetensors"
    save_tensors(path, {"x": torch.zeros(100)}, {})
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(CheckpointError, match="damaged"):
        load_tensors(path)


def test_another_version_is_refused(tmp_path):
    path = tmp_path / "a.safetensors"
    save_file({"x": torch.zeros(1)}, path, {"audioplane": json.dumps({"version": 99})})
    with pytest.raises(CheckpointError, match="version 99"):
        load_tensors(path)


def test_a_foreign_file_is_refused(tmp_path):
    path = tmp_path / "a.safetensors"
    save_file({"x": torch.zeros(1)}, path)
    with pytest.raises(CheckpointError, match="no checkpoint"):
        load_tensors(path)


def test_a_full_disk_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "a.safetensors"
    save_tensors(path, {"x": torch.ones(3)}, {})

    def full(*_args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tensors_file, "save", full)
    with pytest.raises(MediaError, match="(?i)no (space|room) left"):
        save_tensors(path, {"x": torch.zeros(3)}, {})
    monkeypatch.undo()
    assert torch.equal(load_tensors(path)[0]["x"], torch.ones(3))
    assert [p.name for p in tmp_path.iterdir()] == ["a.safetensors"]


def test_the_last_three_checkpoints_stay(tmp_path):
    paths = RunPaths(tmp_path)
    for i in (10, 20, 30, 40):
        save_tensors(paths.checkpoint(i), {"x": torch.zeros(1)}, {})
    paths.drop_old()
    assert len(list(paths.checkpoints.iterdir())) == 3
    assert paths.latest() == paths.checkpoint(40)


def test_no_head_yet(tmp_path):
    with pytest.raises(CheckpointError, match="no trained head"):
        open_run(tmp_path)


def test_training_statistics_are_saved_with_the_head():
    rng = np.random.default_rng(0)
    examples, deviation = rng.random((7, 160), np.float32), rng.random(160, np.float32)
    tensors = head_file.familiarity_tensors(Familiarity(examples, deviation, 0.5))
    assert all(name.startswith("familiarity/") for name in tensors)
    known = head_file.familiarity_from(tensors)
    assert known is not None and known.usual == 0.5
    assert np.array_equal(known.examples, examples) and np.array_equal(known.deviation, deviation)
    assert head_file.familiarity_from({"views": torch.zeros(1)}) is None


@pytest.mark.parametrize("header", ["[" * 100_000, json.dumps({"version": 2, "x": 1}) + "{"])
def test_a_header_of_odd_json_is_a_damaged_file(tmp_path, header):
    save_file({"x": torch.zeros(1)}, tmp_path / "a", {"audioplane": header})
    for read in (load_tensors, tensors_file.read_facts):
        with pytest.raises(CheckpointError, match="damaged"):
            read(tmp_path / "a")


def test_a_number_beyond_all_integers_is_a_damaged_file(tmp_path):
    with pytest.raises(CheckpointError, match="OverflowError"), tensors_file.reading(tmp_path):
        int(float("inf"))


def test_only_files_of_a_run_are_said_to_be_replaceable(tmp_path):
    paths = RunPaths(tmp_path)
    paths.checkpoints.mkdir()
    for path, replaceable in (
        (paths.head, True),
        (paths.checkpoint(3), True),
        (tmp_path / "other.prior", False),
    ):
        with pytest.raises(CheckpointError, match="is missing: check the name"):
            load_tensors(path)
        path.write_bytes(b"")
        with pytest.raises(CheckpointError, match="damaged") as error:
            load_tensors(path)
        assert ("delete it" in str(error.value)) == replaceable
