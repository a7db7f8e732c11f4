"""What the exported page hears, against Python."""

import numpy as np
import pytest

from audioplane.drive.stream import LiveHead
from audioplane.speech import Speech, compute_features, ipa
from audioplane.speech.activity import speech_shares
from audioplane.speech.recogniser import RecogniserStream, Span, open_recogniser
from audioplane.web.head_bin import read_head_bin
from tests.chromium import needs_chromium
from tests.web.pages import asked, serving

pytest.importorskip("playwright.sync_api", reason="needs playwright")
pytestmark = needs_chromium


@pytest.fixture(scope="module")
def phones_address(exported_phones):
    with serving(exported_phones.made.path) as address:
        yield address


@pytest.fixture(scope="module")
def spoken(voice):
    """Speech between pauses, one of them long."""
    pause = np.zeros(32000, np.float32)
    return np.concatenate([pause[:9000], voice, pause, voice[:20000], pause[:17000]])


def test_its_recogniser_gives_pythons_probabilities(visit, phones_address, spoken):
    script = "return features.recogniser.push(samples).map(row => [...row]);"
    made = asked(visit(address=phones_address), script, spoken, (-1, 191))
    stream = RecogniserStream(open_recogniser(), Span(4, 6, 200))
    expected = stream.push(spoken)
    assert made.shape == expected.shape
    assert np.abs(made - expected).max() < 1e-3


def test_its_features_are_pythons_and_it_rests_where_python_does(visit, phones_address, spoken):
    script = """
    const { windows, shares } = features.describe(samples);
    return [...windows.flatMap((w) => [...w]), ...shares];
    """
    speech = Speech(spoken)
    made = asked(visit(address=phones_address), script, spoken)
    expected, shares = compute_features(speech, "mel+ipa"), list(speech_shares(speech))
    windows, eased = made[: expected.size], made[expected.size :]
    assert np.abs(windows - expected.ravel()).max() < 1e-3
    assert np.abs(eased - shares).max() < 1e-6
    assert {0.0, 0.5, 1.0} == set(shares)


def test_its_lips_close_where_pythons_do(visit, phones_address, monkeypatch):
    """With a stand-in for the recogniser: the synthetic voice's closures are hardly heard."""
    script = """
    features.recogniser = {
      begin() {},
      push: (sound) => Array.from({ length: sound.length / 320 }, (_, step) =>
        Array.from({ length: 191 }, (_, symbol) =>
          +(symbol === (step % 50 === 7 ? CLOSED : OPEN) && step % 5 < 3))),
    };
    return features.describe(samples).shares;
    """
    closed, opened = ipa._SYMBOLS.index("m"), ipa._SYMBOLS.index("ɑ")
    rows = np.zeros((600, 191), np.float32)
    for step in range(len(rows)):
        rows[step, closed if step % 50 == 7 else opened] = step % 5 < 3
    monkeypatch.setattr(ipa, "_probabilities", lambda _: iter([rows]))
    sound = np.random.default_rng(0).normal(0, 0.1, 4 * 16000).astype(np.float32)
    shares = np.array(list(speech_shares(Speech(sound))))
    script = script.replace("CLOSED", str(closed)).replace("OPEN", str(opened))
    made = asked(visit(address=phones_address), script, sound)
    assert np.abs(made - shares).max() < 1e-6
    assert (shares[2:] < 0.25).sum() >= 4 and shares.max() == 1
    assert (shares > 0.99).mean() > 0.65


@pytest.mark.parametrize("most", [None, 0.24, 0])
def test_sound_in_pieces_gives_pythons_codes_at_rest_too(
    visit, exported_phones, phones_address, spoken, most
):
    """With all the sound ahead that is used, or with what has not come yet predicted."""
    script = """
    const live = new Live(features, encoder, MOST), codes = [];
    for (let at = 0; at < samples.length; at += 441)
      codes.push(...live.push(samples.slice(at, at + 441)));
    return codes.map(c => [...c]);
    """
    script = script.replace("MOST", "Infinity" if most is None else f"{most}")
    found = asked(visit(address=phones_address), script, spoken)
    run, ahead = exported_phones.run, None if most is None else round(16000 * most)
    live = LiveHead(exported_phones.talker.animator, run.speech, run.voice, ahead, run.rest)
    frames = live.push(spoken)
    expected = np.stack([frame.code.numpy() for frame in frames])
    assert found.size == expected.size
    assert np.abs(found - expected.ravel()).max() < 0.01
    at_rest = (expected == run.rest.numpy()).all(1)
    assert 0.1 < at_rest.mean() < 0.9


def test_the_folder_holds_the_recogniser_as_exact_as_the_wheels(exported_phones):
    facts, arrays = read_head_bin(exported_phones.made.path / "recogniser.bin")
    assert "hama" in facts["source"] and "Apache-2.0" in facts["source"]
    network = open_recogniser()
    stem, bias = network.stem()
    weights = arrays["weights"]
    assert np.array_equal(np.unique(weights[: stem.numel()]), np.unique(stem.numpy()))
    rest = weights[stem.numel() + bias.numel() :]
    assert np.array_equal(rest, np.concatenate([network.out, *network.layers]))
    assert exported_phones.made.notes == ()


def test_a_head_of_mel_bands_brings_no_recogniser(exported):
    assert not (exported.made.path / "recogniser.bin").exists()
    assert read_head_bin(exported.made.path / "head.bin")[0]["hears"] == ["mel"]
