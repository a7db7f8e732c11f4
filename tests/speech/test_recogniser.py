"""The recogniser: its file, its arithmetic, and chunks that do not depend on how a sound is cut."""

import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from audioplane.errors import SpeechError
from audioplane.speech import recogniser
from audioplane.speech.recogniser import (
    BEFORE,
    Past,
    Recogniser,
    RecogniserStream,
    Span,
    open_recogniser,
    unpack,
)

Babble = Callable[..., np.ndarray]


@pytest.fixture
def reopened():
    """The network is opened anew before and after."""
    open_recogniser.cache_clear()
    yield
    open_recogniser.cache_clear()


def pack(name: str, values: np.ndarray) -> bytes:
    table = struct.pack("<H", len(name)) + name.encode() + struct.pack("<BB", 1, values.ndim)
    table += struct.pack(f"<{values.ndim}IQQ", *values.shape, 0, values.nbytes)
    head = b"HAMAPK" + struct.pack("<BBI", 1, 2, 1) + table
    return head + bytes(-len(head) % 16) + values.astype(np.float16).tobytes()


def test_an_archive_is_read_as_it_was_written() -> None:
    values = np.arange(6, dtype=np.float16).reshape(2, 3)
    read = unpack(pack("norm.weight", values))
    assert read.keys() == {"norm.weight"} and read["norm.weight"].dtype == torch.float32
    np.testing.assert_array_equal(read["norm.weight"].numpy(), values)


def test_results_do_not_depend_on_how_the_sound_is_cut(babble: Babble) -> None:
    sound, span = babble(2.0), Span(settled=4, ahead=6, past=30)
    whole = RecogniserStream(open_recogniser(), span).push(sound)
    assert len(whole) == (100 - 6 - 1) // 4 * 4  # the last step's spectra reach past the end
    for size in (100, 641, 9000):
        stream = RecogniserStream(open_recogniser(), span)
        pieces = [stream.push(sound[i : i + size]) for i in range(0, len(sound), size)]
        np.testing.assert_allclose(np.concatenate(pieces), whole, atol=1e-4)


def test_steps_depend_on_what_is_in_reach_only(babble: Babble) -> None:
    span = Span(settled=4, ahead=6, past=30)
    sound = babble(2.0)
    other = sound.copy()
    # What the first chunk sees ends with the spectra of its tenth step.
    other[9 * 320 + BEFORE :] = 0
    one, two = (RecogniserStream(open_recogniser(), span).push(s) for s in (sound, other))
    np.testing.assert_allclose(one[:4], two[:4], atol=1e-5)
    assert abs(one[4:12] - two[4:12]).max() > 1e-3


def test_what_is_known_may_be_moved_in_memory(babble: Babble, monkeypatch) -> None:
    sound, span, made = babble(2.0), Span(settled=4, ahead=6, past=30), []
    for moves in (1, 3, 1000):
        monkeypatch.setattr(recogniser, "_MOVES", moves)
        made.append(RecogniserStream(open_recogniser(), span).push(sound))
    assert np.array_equal(made[0], made[2]) and np.array_equal(made[1], made[2])


def test_probabilities_sum_to_one_and_those_ahead_are_kept(babble: Babble) -> None:
    stream = RecogniserStream(open_recogniser(), Span(settled=4, ahead=6, past=30))
    settled = stream.push(babble(1.0))
    assert stream.ahead.shape == (6, recogniser.SYMBOLS)
    np.testing.assert_allclose(settled.sum(1), 1, atol=1e-5)
    np.testing.assert_allclose(stream.ahead.sum(1), 1, atol=1e-5)


def test_it_equals_the_wheels_own_engine(babble: Babble) -> None:
    hama = pytest.importorskip("hama")
    engine = pytest.importorskip("hama._engine")
    if not engine.available():
        pytest.skip("hama has no native library here")
    sound = babble(1.5)
    feeds = {"waveform": sound[None], "waveform_lengths": np.array([len(sound)])}
    (native,) = hama.ASRModel().session.run(["log_probs"], feeds)
    expected = np.exp(native[0])
    network, steps = open_recogniser(), len(expected)
    # The engine mirrors the sound at its ends, and sees all of it at once.
    mirrored = np.pad(sound, 200, mode="reflect")
    x = _embedded_as_the_engine(network, mirrored, steps)
    Past(Span(steps, 0, 1)).run(network, x)
    np.testing.assert_allclose(network.probabilities(x), expected, atol=2e-3)


def _embedded_as_the_engine(network: Recogniser, mirrored: np.ndarray, steps: int) -> np.ndarray:
    """Inputs of the first layer with zeros for the log-mel frames before the first and after the
    last, as the engine's convolution pads."""
    parts = torch.from_numpy(mirrored).unfold(0, 400, 160) @ network._waves
    power = parts[:, :201].square() + parts[:, 201:].square()
    mel = (power @ network.filters()).clamp_min(1e-10).log()
    threes = torch.nn.functional.pad(mel, (0, 0, 1, 1)).unfold(0, 3, 2).flatten(1)[:steps]
    stem = torch.nn.functional.linear(threes, *network.stem())
    return torch.nn.functional.gelu(stem).numpy()


@pytest.mark.usefixtures("reopened")
def test_a_missing_wheel_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(SpeechError, match=r"not installed.*pip install hama==1\.7\.0.*mel\+phones"):
        open_recogniser()


@pytest.mark.usefixtures("reopened")
def test_another_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "assets").mkdir()
    (tmp_path / recogniser.FILE).write_bytes(pack("norm.weight", np.zeros((1, 1), np.float16)))

    class Found:
        submodule_search_locations = (str(tmp_path),)

    monkeypatch.setattr("importlib.util.find_spec", lambda name: Found())
    with pytest.raises(SpeechError, match=r"asr_waveform\.hama is not that of version 1\.7\.0"):
        open_recogniser()
