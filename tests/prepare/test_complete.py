import numpy as np
import pytest

from audioplane.media.audio import read_audio
from audioplane.prepare import complete, complete_subject
from audioplane.prepare.complete import with_features
from audioplane.speech import compute_features
from audioplane.subject import load_subject


@pytest.fixture
def older(spoken_subject, tmp_path):
    """A subject with `mel` alone, whose files are links."""
    for source in spoken_subject.paths.root.iterdir():
        (tmp_path / source.name).symlink_to(source)
    (tmp_path / "subject.json").unlink()
    (tmp_path / "subject.json").write_bytes(spoken_subject.paths.info.read_bytes())
    return load_subject(tmp_path)


def test_missing_features_are_computed_and_kept(older):
    assert older.kinds() == ["mel"]
    said = []
    subject = with_features(older, "mel+ipa", said.append)
    features = subject.features("mel+ipa")
    sound = read_audio(older.paths.audio)[: 640 * subject.rows]
    np.testing.assert_array_equal(features, compute_features(sound, "mel+ipa"))
    assert subject.info.feature_kinds[-1] == "mel+ipa"
    assert [progress.task for progress in said] == ["speech features mel+ipa"]
    assert with_features(subject, "mel+ipa") is subject


@pytest.mark.parametrize("kind", ["mel", "deepspeech", "unheard-of"])
def test_what_is_here_or_cannot_be_had_changes_nothing(older, kind):
    assert with_features(older, kind) is older and older.kinds() == ["mel"]


def test_without_a_sound_nothing_is_computed(older):
    older.paths.audio.unlink()
    assert with_features(older, "mel+ipa") is older


def test_a_training_asks_for_what_it_reads(older, monkeypatch):
    asked = []
    for name in ("with_body", "with_expression"):
        monkeypatch.setattr(complete, name, lambda s, *_, n=name, **__: asked.append(n) or s)
    complete_subject(older, "mel")
    assert not asked
    complete_subject(older, "mel", "model", "upper-face")
    assert asked == ["with_body", "with_expression"]


def test_the_body_is_followed_where_hair_lies_on_it(older, long_haired, monkeypatch):
    asked = []
    monkeypatch.setattr(complete, "with_body", lambda s, *_: asked.append(s) or s)
    complete_subject(older, "mel", "auto")
    assert not asked
    complete_subject(long_haired, "mel", "recorded")
    assert not asked
    complete_subject(long_haired, "mel", "auto")
    assert asked == [long_haired]


def test_where_the_body_is_known_nobody_looks_at_the_hair(person, monkeypatch):
    looked = []
    monkeypatch.setattr(complete, "has_long_hair", looked.append)
    assert complete_subject(person, "mel", "auto") is person and not looked
