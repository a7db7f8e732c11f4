import shutil

import numpy as np
import pytest

from audioplane.speech import DEFAULT_KIND
from audioplane.subject import SubjectPaths, load_subject, save_body
from audioplane.subject.inventory import take_inventory
from tests.subject.prior_work import LOST, ad_nerf, er_nerf


@pytest.fixture
def copied(spoken_subject, tmp_path) -> SubjectPaths:
    root = tmp_path / "s"
    shutil.copytree(spoken_subject.paths.root, root)
    return SubjectPaths(root)


def test_a_whole_subject_lacks_nothing(copied):
    facts = take_inventory(load_subject(copied.root))
    assert facts.missing == {} and facts.flags == {}
    assert (facts.frames, facts.train, facts.held_out) == (55, 50, 5)
    assert facts.size == (64, 64) and 0.5 < facts.distance < 1.2
    assert facts.blinks == "track.safetensors" and facts.poses == "transforms_train.json"
    assert facts.features["mel"].shape == (55, 16, 80)


def test_what_is_missing_and_what_it_costs(copied):
    copied.torso(3).unlink()
    copied.landmarks(4).unlink()
    copied.track.unlink()
    copied.audio.unlink()
    np.save(copied.features("mel"), np.zeros((9, 16, 80)))
    facts = take_inventory(load_subject(copied.root))
    assert facts.flags == {"no landmarks, as ori_imgs/4.lms": 1}
    assert facts.features["mel"].shape == () and "9 rows" in facts.features["mel"].problem
    assert facts.blinks == ""
    assert facts.missing.keys() == {"speech features", "aud.wav", "blinks", "torso_imgs"}
    assert "nothing can be trained" in facts.missing["speech features"]
    assert facts.missing["torso_imgs"].startswith("1 training frames")


def test_folders_of_prior_work(spoken_subject, tmp_path):
    made = er_nerf(spoken_subject, tmp_path / "er")
    facts = take_inventory(load_subject(made.root))
    assert "prior work" in facts.made_by and facts.blinks == "au.csv"
    assert facts.frames == 55 and facts.train + facts.held_out == 54
    assert facts.features["eo"].shape == (54, 16, 44)
    assert "train --speech eo" in facts.missing[DEFAULT_KIND]
    bare = take_inventory(load_subject(ad_nerf(spoken_subject, tmp_path / "ad").root))
    assert bare.missing.keys() == {DEFAULT_KIND, "blinks", "torso_imgs"}
    assert LOST == 7 and bare.flags == {"no pose": 1}


def test_the_bodys_motion_is_listed(copied):
    subject = load_subject(copied.root)
    save_body(copied.body, np.tile(np.eye(4), (subject.rows, 1, 1)))
    assert take_inventory(load_subject(copied.root)).body == "body.npy"
    copied.body.unlink()
    assert take_inventory(load_subject(copied.root)).body == ""
