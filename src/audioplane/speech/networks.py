"""What wav2vec 2.0 and HuBERT hear, chunk by chunk, shaped as the peers shape it.

Their convolutions make step k, 20 ms, from samples 320 k to 320 k + 399. A transformer then looks
at all steps that it is given; here these are 20 s and 5 s to either side, so that memory does not
grow with the speech. Loudness and offset are those of the whole sound (the processor's zero mean
and unit variance), never of a chunk.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from audioplane.errors import SpeechError
from audioplane.speech.window import STEP, STEPS_PER_FRAME, frame_count, peer_windows

if TYPE_CHECKING:
    from transformers import PreTrainedModel

FIELD = 400
"""Samples that one step is made from."""
CHUNK = 1000
"""Steps that are kept of a chunk: 20 s."""
CONTEXT = 250
"""Steps, before and after these, that are only listened to: 5 s."""
_UNUSED = ("masked_spec_embed",)
"""Ends of the names of weights that only training uses."""

Network = Callable[[Float[Tensor, "1 n"]], Float[Tensor, "1 s f"]]


def wav2vec2_features(
    waveform: Float[np.ndarray, " n"], model: Path
) -> Float[np.ndarray, "t 16 f"]:
    """Logits of a wav2vec 2.0 that spells, in the peers' windows (F = 44 for theirs).

    Raises `SpeechError` where the model's folder cannot be loaded.
    """
    from transformers import Wav2Vec2ForCTC

    network = _load(Wav2Vec2ForCTC, model)
    return peer_windows(network_steps(waveform, lambda sound: network(sound).logits))


def hubert_features(waveform: Float[np.ndarray, " n"], model: Path) -> Float[np.ndarray, "t 2 f"]:
    """HuBERT's last hidden states, the two steps of each frame (F = 1024 for the large one).

    Raises `SpeechError` where the model's folder cannot be loaded.
    """
    from transformers import HubertModel

    network = _load(HubertModel, model)
    steps = network_steps(waveform, lambda sound: network(sound).last_hidden_state)
    return steps.reshape(-1, STEPS_PER_FRAME, steps.shape[1])


@torch.no_grad()
def network_steps(waveform: Float[np.ndarray, " n"], network: Network) -> Float[np.ndarray, "s f"]:
    """What a network says of each step of a sound, two for each frame; past its end, silence."""
    count = STEPS_PER_FRAME * frame_count(len(waveform))
    mean, deviation = _level(waveform)
    steps = None
    for first in range(0, count, CHUNK):
        last = min(first + CHUNK, count)
        low, high = max(0, first - CONTEXT), min(count, last + CONTEXT)
        piece = np.zeros((high - low - 1) * STEP + FIELD, np.float32)
        heard = waveform[low * STEP : low * STEP + len(piece)]
        piece[: len(heard)] = (heard - mean) / deviation
        said = network(torch.from_numpy(piece)[None])[0, first - low : last - low].numpy()
        steps = np.empty((count, said.shape[1]), np.float32) if steps is None else steps
        steps[first:last] = said
    assert steps is not None  # there is at least one frame
    return steps


def _level(waveform: Float[np.ndarray, " n"]) -> tuple[float, float]:
    """Mean and deviation of a sound, as the processor of `transformers` takes them."""
    if not len(waveform):
        return 0.0, 1.0
    mean = float(waveform.mean(dtype=np.float64))
    power = float(np.einsum("i,i->", waveform, waveform, dtype=np.float64)) / len(waveform)
    return mean, float(np.sqrt(max(power - mean**2, 0) + 1e-7))


def _load(kind: Any, folder: Path) -> "PreTrainedModel":
    """A network of `transformers` from its folder, ready to listen. No code in it is run."""
    from transformers.utils import logging

    # It reports weights of the other task's head, which are not used, as if something was wrong.
    verbosity = logging.get_verbosity()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        network, report = kind.from_pretrained(
            folder, local_files_only=True, output_loading_info=True, weights_only=True
        )
    except Exception as e:  # it passes on whatever its readers raise
        raise SpeechError(
            f"{folder} does not load as {kind.__name__} ({type(e).__name__}): fetch it again"
        ) from e
    finally:
        logging.set_verbosity(verbosity)
        logging.enable_progress_bar()
    missing = [name for name in report["missing_keys"] if not name.endswith(_UNUSED)]
    if missing:
        raise SpeechError(f"{folder} is no {kind.__name__}: it lacks {missing[0]}")
    if network.config.inputs_to_logits_ratio != STEP:
        raise SpeechError(f"{folder} has steps of another length than 20 ms: use another model")
    return network.eval()
