from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from audioplane.errors import SpeechError
from audioplane.speech import Speech, compute_features, deepspeech
from audioplane.speech.deepspeech import CONTEXT
from tests.speech.tiny_deepspeech import CEPSTRA, FIELD, FRAMES, HOP, STEPS, write_deepspeech

Babble = Callable[..., np.ndarray]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_deepspeech(tmp_path_factory.mktemp("deepspeech") / "tiny.tflite")


def deepspeech_steps(waveform: np.ndarray, model: Path) -> np.ndarray:
    return np.concatenate([*deepspeech.deepspeech_steps(Speech(waveform), model)])


def deepspeech_features(waveform: np.ndarray, model: Path) -> np.ndarray:
    return compute_features(waveform, "deepspeech", model)


def as_mozilla_runs_it(waveform: np.ndarray, model: Path) -> np.ndarray:
    """Logarithms of the probabilities by the whole graph, one step of sound at a time."""
    interpreter = Interpreter(model_path=str(model))
    interpreter.allocate_tensors()
    ends = [*interpreter.get_input_details(), *interpreter.get_output_details()]
    index = {d["name"]: d["index"] for d in ends}

    def run(**values: np.ndarray) -> dict[str, np.ndarray]:
        for name, value in values.items():
            interpreter.set_tensor(index[name], value.astype(np.float32))
        interpreter.invoke()
        return {name: interpreter.get_tensor(i) for name, i in index.items()}

    count = 2 * (len(waveform) // 640)
    sound = np.pad(waveform, (0, FIELD))
    mfccs = [run(input_samples=sound[k * HOP : k * HOP + FIELD])["mfccs"][0] for k in range(count)]
    empty = np.zeros((CONTEXT, CEPSTRA), np.float32)
    padded = np.concatenate([empty, *mfccs, empty, np.zeros((STEPS, CEPSTRA), np.float32)])
    state, spelt = {"previous_state_c": np.zeros((1, 6)), "previous_state_h": np.zeros((1, 6))}, []
    for first in range(0, count, STEPS):
        steps = [padded[k : k + FRAMES] for k in range(first, first + STEPS)]
        said = run(input_node=np.stack(steps)[None], **state)
        state = {f"previous_state_{s}": said[f"new_state_{s}"] for s in "ch"}
        spelt.append(said["logits"])
    return np.log(np.maximum(np.concatenate(spelt)[:count], 1e-13))


def test_steps_are_what_the_whole_graph_says(babble: Babble, model: Path) -> None:
    speech = babble(1.32)
    steps = deepspeech_steps(speech, model)
    assert steps.shape == (66, 29) and steps.std() > 0.5
    assert np.abs(np.diff(steps, axis=0)).max() > 0.1
    np.testing.assert_allclose(steps, as_mozilla_runs_it(speech, model), atol=1e-4)
    np.testing.assert_allclose(np.exp(steps).sum(1), 1, atol=1e-5)


def test_windows_are_those_of_prior_work(babble: Babble, model: Path) -> None:
    speech = babble(1.0)
    features, steps = deepspeech_features(speech, model), deepspeech_steps(speech, model)
    assert features.shape == (25, 16, 29) and features.dtype == np.float32
    np.testing.assert_array_equal(features[10], steps[12:28])
    # The first window begins with eight zeros, the last but one ends with five and the last seven.
    assert not features[0, :8].any() and features[0, 8:].any(axis=1).all()
    assert not features[-1, -6:].any() and features[-1, :-6].any(axis=1).all()


def test_chunks_leave_no_seam(babble: Babble, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    speech = babble(1.3)
    whole = deepspeech_steps(speech, model)
    monkeypatch.setattr(deepspeech, "_CHUNK", 7)
    np.testing.assert_array_equal(deepspeech_steps(speech, model), whole)


def test_a_shift_of_one_frame_shifts_the_rows(babble: Babble, model: Path) -> None:
    speech = babble(3.0)
    late, early = deepspeech_features(speech, model), deepspeech_features(speech[640:], model)
    # Away from the start: what is there before the cut is still in the LSTM's state.
    np.testing.assert_allclose(late[20:-6], early[19:-6], atol=1e-3)


def test_a_file_that_is_not_mozillas_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.tflite").write_text("not a model")
    with pytest.raises(SpeechError, match="does not load as DeepSpeech"):
        deepspeech_steps(np.zeros(6400, np.float32), tmp_path / "text.tflite")
    whole = write_deepspeech(tmp_path / "whole.tflite").read_bytes()
    (tmp_path / "half.tflite").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(SpeechError, match="does not load as DeepSpeech"):
        deepspeech_steps(np.zeros(6400, np.float32), tmp_path / "half.tflite")
    german = write_deepspeech(tmp_path / "german.tflite", symbols=33)
    with pytest.raises(SpeechError, match="not the English"):
        deepspeech_steps(np.zeros(6400, np.float32), german)
