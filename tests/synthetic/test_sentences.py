import pytest

from audioplane.synthetic.phonemes import PHONEMES, SILENCE
from audioplane.synthetic.sentences import HELD_OUT, LEXICON, TRAINING, pronounce


@pytest.mark.parametrize("sentence", TRAINING + HELD_OUT)
def test_every_sentence_can_be_pronounced(sentence: str) -> None:
    phones = pronounce(sentence)
    assert len(phones) >= 2 * len(sentence.split()) - 4
    assert set(phones) <= PHONEMES.keys() - {SILENCE}


def test_no_held_out_sentence_is_trained_on() -> None:
    assert not set(TRAINING) & set(HELD_OUT)
    trained = {pair for s in TRAINING for pair in zip(s.split(), s.split()[1:], strict=False)}
    heard = {pair for s in HELD_OUT for pair in zip(s.split(), s.split()[1:], strict=False)}
    assert len(heard & trained) < 0.2 * len(heard), "held-out sentences repeat trained phrases"


def test_training_holds_every_phoneme_that_is_judged() -> None:
    trained = {p for s in TRAINING for p in pronounce(s)}
    judged = {p for s in HELD_OUT for p in pronounce(s)}
    assert judged <= trained


def test_diphthongs_become_two_vowels() -> None:
    assert LEXICON["my"] == ["M", "AY"]
    assert pronounce("my") == ["M", "AA", "IH"]
