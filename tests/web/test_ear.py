"""What the exported page hears, against Python."""

from copy import copy

import numpy as np
import pytest

from audioplane.drive.stream import LiveHead
from audioplane.simd_products import flat
from audioplane.speech import Speech, compute_features, ipa
from audioplane.speech.activity import speech_shares
from audioplane.speech.recogniser import (
    LAYERS,
    Recogniser,
    RecogniserStream,
    Span,
    layer_pairs,
    open_recogniser,
    read_weights,
)
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


@pytest.fixture
def rounded(exported_phones, monkeypatch) -> Recogniser:
    """Python's recogniser, and that of all its features, with the weights of the folder."""
    arrays = read_head_bin(exported_phones.made.path / "recogniser.bin")[1]
    network = copy(open_recogniser())
    network.layers = np.stack([layer(arrays, i) for i in range(LAYERS)])
    monkeypatch.setattr("audioplane.speech.recogniser.open_recogniser", lambda: network)
    return network


def layer(arrays: dict[str, np.ndarray], index: int) -> np.ndarray:
    parts = [values for name, values in arrays.items() if name.startswith(f"layers.{index}.")]
    return np.concatenate(parts)


def test_its_recogniser_gives_pythons_probabilities(visit, phones_address, spoken, rounded):
    script = "return ears.recogniser.push(samples).map(row => [...row]);"
    made = asked(visit(address=phones_address), script, spoken, (-1, 191))
    stream = RecogniserStream(rounded, Span(4, 6, 200))
    expected = stream.push(spoken)
    assert made.shape == expected.shape
    assert np.abs(made - expected).max() < 1e-3


def test_its_features_are_pythons_and_it_rests_where_python_does(
    visit, phones_address, spoken, rounded
):
    script = """
    const { windows, shares } = ears.describe(samples);
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
    ears.recogniser = {
      begin() {},
      push: (sound) => Array.from({ length: sound.length / 320 }, (_, step) =>
        Array.from({ length: 191 }, (_, symbol) =>
          +(symbol === (step % 50 === 7 ? CLOSED : OPEN) && step % 5 < 3))),
    };
    return ears.describe(samples).shares;
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
    assert (shares[2:] < 0.25).sum() >= 4 and (shares == 1).mean() > 0.5


def heard_in_pieces(page, spoken, most: float | None) -> np.ndarray:
    """The page's codes of a stream."""
    script = """
    const live = new Live(ears, encoder, MOST), codes = [];
    for (let at = 0; at < samples.length; at += 441)
      codes.push(...live.push(samples.slice(at, at + 441)));
    return codes.map(c => [...c]);
    """
    script = script.replace("MOST", "Infinity" if most is None else f"{most}")
    return asked(page, script, spoken, (-1, 192))


def heard_by_python(exported_phones, spoken, most: float | None) -> np.ndarray:
    run, ahead = exported_phones.run, None if most is None else round(16000 * most)
    live = LiveHead(exported_phones.talker.animator, run.speech, run.voice, ahead, run.rest)
    return np.stack([frame.code.numpy() for frame in live.push(spoken)])


@pytest.mark.parametrize("most", [None, 0.24, 0])
def test_sound_in_pieces_gives_pythons_codes_at_rest_too(
    visit, exported_phones, phones_address, spoken, rounded, most
):
    """With all the sound ahead that is used, or with what has not come yet predicted."""
    found = heard_in_pieces(visit(address=phones_address), spoken, most)
    expected = heard_by_python(exported_phones, spoken, most)
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() < 0.01
    at_rest = (expected == exported_phones.run.rest.numpy()).all(1)
    assert 0.1 < at_rest.mean() < 0.9


def test_lips_open_as_with_the_wheels_own_weights(visit, exported_phones, phones_address, spoken):
    read = exported_phones.run.opening.tensors()["read"].numpy()
    found = heard_in_pieces(visit(address=phones_address), spoken, None) @ read
    expected = heard_by_python(exported_phones, spoken, None) @ read
    assert np.corrcoef(found, expected)[0, 1] > 0.999


def test_the_folder_holds_the_wheels_recogniser_rounded(exported_phones):
    facts, arrays = read_head_bin(exported_phones.made.path / "recogniser.bin")
    assert "hama" in facts["source"] and "Apache-2.0" in facts["source"]
    network, weights = open_recogniser(), read_weights()
    stem, bias = network.stem()
    values = np.concatenate([stem.numpy().ravel(), bias.numpy()])
    assert np.array_equal(np.unique(arrays["stem"]), np.unique(values))
    assert np.array_equal(arrays["out"], network.out)
    for i in range(LAYERS):
        for j, pair in enumerate(layer_pairs(weights, i)):
            for name, values in zip((f"layers.{i}.{j}", f"layers.{i}.{j}_bias"), pair, strict=True):
                expected = flat(values.numpy())
                half = expected.std() / 128 / 2 if values.ndim == 2 else 0
                assert np.abs(arrays[name] - expected).max() <= half * 1.001
    assert exported_phones.made.notes == ()


def test_a_head_of_mel_bands_brings_no_recogniser(exported):
    assert not (exported.made.path / "recogniser.bin").exists()
    assert read_head_bin(exported.made.path / "head.bin")[0]["hears"] == ["mel"]
