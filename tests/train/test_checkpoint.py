from dataclasses import asdict, replace

import pytest
import torch

from audioplane.errors import TrainingError
from audioplane.run import save_tensors
from audioplane.train.checkpoint import RunIdentity, read_checkpoint, write_checkpoint
from tests.train.configs import TINY

RUN = RunIdentity(TINY, {"own": 0.5}, "somebody", [0, 1, 4])
TENSORS = {"ema/gaussians/means": torch.arange(3.0), "head/expression.network.0": torch.ones(2)}
FACTS = {"iteration": 7, "ema_count": 2, "collapsed_for": 5}


def test_what_is_written_is_read(tmp_path):
    write_checkpoint(tmp_path / "c", RUN, TENSORS, FACTS)
    tensors, facts = read_checkpoint(tmp_path / "c", RUN)
    assert tensors.keys() == TENSORS.keys() and facts.items() >= FACTS.items()
    assert all(torch.equal(tensors[name], x) for name, x in TENSORS.items())


@pytest.mark.parametrize(
    ("other", "says"),
    [
        ({"config": replace(TINY, seed=1)}, "other settings"),
        ({"extra_losses": {"own": 0.4}}, "other settings"),
        ({"identity": "somebody else"}, "another subject"),
        ({"pose_ids": [0, 1]}, "another subject"),
    ],
)
def test_another_training_does_not_go_on_from_it(tmp_path, other, says):
    write_checkpoint(tmp_path / "c", RUN, TENSORS, FACTS)
    with pytest.raises(TrainingError, match=says):
        read_checkpoint(tmp_path / "c", replace(RUN, **other))


def test_one_of_an_older_version_has_the_names_of_today(tmp_path):
    run = replace(RUN, extra_losses={})
    kept = {name: x for name, x in asdict(run).items() if name != "extra_losses"}
    older = {
        "average/gaussians/means": TENSORS["ema/gaussians/means"],
        "head/eyes.0": TENSORS["head/expression.network.0"],
    }
    save_tensors(tmp_path / "c", older, kept | {"iteration": 7, "averaged": 2, "deaf": 5})
    tensors, facts = read_checkpoint(tmp_path / "c", run)
    assert facts.items() >= FACTS.items()
    assert all(torch.equal(tensors[name], x) for name, x in TENSORS.items())
    save_tensors(tmp_path / "c", older, kept)
    assert read_checkpoint(tmp_path / "c", run)[1]["ema_count"] == 0
