"""Feature kinds `wav2vec2` and `hubert`: outputs of these networks, in prior work's shapes.

Their convolutions make step k, 20 ms, from samples 320 k to 320 k + 399. A transformer then uses
all steps that it is given; here these are 20 s and 5 s to either side, so that memory does not grow
with the sound. Loudness and offset are those of the whole sound (the processor's zero mean
and unit variance), never of a chunk.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from audioplane.assets import ModelFile
from audioplane.clock import SAMPLE_RATE
from audioplane.errors import SpeechError
from audioplane.speech.kinds import Chunks, FeatureKind, register
from audioplane.speech.sound import Speech
from audioplane.speech.window import STEP, STEPS_PER_FRAME, prior_window_chunks

WAV2VEC2 = ModelFile(
    "wav2vec2-large-xlsr-53-esperanto",
    "https://huggingface.co/cpierse/wav2vec2-large-xlsr-53-esperanto",
    None,
    "speech",
    "cpierse/wav2vec2-large-xlsr-53-esperanto",
)
"""wav2vec 2.0 for Esperanto, 1.3 GB (Apache-2.0)."""
HUBERT = ModelFile(
    "hubert-large-ls960-ft",
    "https://huggingface.co/facebook/hubert-large-ls960-ft",
    None,
    "speech",
    "facebook/hubert-large-ls960-ft",
)
"""HuBERT large, 1.3 GB (Apache-2.0)."""
FIELD = 400
"""Samples for one step."""
CHUNK = 1000
"""Steps that are kept of a chunk: 20 s."""
CONTEXT = 250
"""Context steps before and after these: 5 s."""
_UNUSED = ("masked_spec_embed",)
"""Suffixes of the names of weights that only training uses."""

Network = Callable[[Float32[np.ndarray, " n"]], Float32[np.ndarray, "s f"]]


def wav2vec2_windows(speech: Speech, model: Path) -> Chunks:
    """Logits of a wav2vec 2.0 over letters (44 symbols in prior work's).

    Raises `SpeechError` where the model's folder cannot be loaded.
    """
    network = _load("Wav2Vec2ForCTC", "logits", model)
    return prior_window_chunks(network_steps(speech, network))


def hubert_windows(speech: Speech, model: Path) -> Chunks:
    """HuBERT's last hidden states (1024 of the large one), the two steps of each frame.

    Raises `SpeechError` where the model's folder cannot be loaded.
    """
    network = _load("HubertModel", "last_hidden_state", model)
    for steps in network_steps(speech, network):
        yield steps.reshape(-1, STEPS_PER_FRAME, steps.shape[1])


def network_steps(speech: Speech, network: Network) -> Iterator[Float32[np.ndarray, "_ f"]]:
    """A network's output for each step of a sound, two for each frame, in chunks; past its end,
    silence."""
    count = STEPS_PER_FRAME * speech.frames
    mean, deviation = _level(speech)
    starts = range(0, count, CHUNK)
    steps = [(max(0, i - CONTEXT), min(count, i + CHUNK + CONTEXT)) for i in starts]
    spans = [(low * STEP, (high - 1) * STEP + FIELD) for low, high in steps]
    for first, (low, _), (start, _), sound in zip(
        starts, steps, spans, speech.cut(spans), strict=True
    ):
        # Silence past the end is that of the network's input, not of the sound.
        inside = sound[: max(0, speech.samples - start)]
        piece = np.pad((inside - mean) / deviation, (0, len(sound) - len(inside)))
        yield network(piece.astype(np.float32))[first - low :][: min(CHUNK, count - first)]


def _level(speech: Speech) -> tuple[float, float]:
    """Mean and deviation of a sound, as the processor of `transformers` takes them."""
    total = squares = 0.0
    minute = 60 * SAMPLE_RATE
    starts = range(0, speech.samples, minute)
    for piece in speech.cut((i, min(i + minute, speech.samples)) for i in starts):
        total += float(piece.sum(dtype=np.float64))
        squares += float(np.einsum("i,i->", piece, piece, dtype=np.float64))
    if not speech.samples:
        return 0.0, 1.0
    mean = total / speech.samples
    return mean, float(np.sqrt(max(squares / speech.samples - mean**2, 0) + 1e-7))


def _load(kind: str, output: str, folder: Path) -> Network:
    """One output of a network of `transformers` from its folder. No code in it is run."""
    # It takes seconds to import, so only these kinds import it.
    import torch
    import transformers
    from transformers.utils import logging

    # It warns of weights of another task's head, which are not used.
    verbosity = logging.get_verbosity()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        network, report = getattr(transformers, kind).from_pretrained(
            folder, local_files_only=True, output_loading_info=True, weights_only=True
        )
    except Exception as e:  # it lets any exception of its readers through
        raise SpeechError(
            f"{folder} does not load as {kind} ({type(e).__name__}): fetch it again"
        ) from e
    finally:
        logging.set_verbosity(verbosity)
        logging.enable_progress_bar()
    missing = [name for name in report["missing_keys"] if not name.endswith(_UNUSED)]
    if missing:
        raise SpeechError(f"{folder} is no {kind}: it lacks {missing[0]}")
    if network.config.inputs_to_logits_ratio != STEP:
        raise SpeechError(f"{folder} has steps of another length than 20 ms: use another model")
    network.eval()

    @torch.no_grad()
    def run(sound: Float32[np.ndarray, " n"]) -> Float32[np.ndarray, "s f"]:
        return getattr(network(torch.from_numpy(sound)[None]), output)[0].numpy()

    return run


register(
    FeatureKind(
        "wav2vec2",
        wav2vec2_windows,
        44,
        "letters by wav2vec 2.0",
        model=WAV2VEC2,
        package="transformers",
        aliases=("eo",),
    )
)
register(
    FeatureKind(
        "hubert",
        hubert_windows,
        1024,
        "hidden states of HuBERT",
        window=STEPS_PER_FRAME,
        model=HUBERT,
        package="transformers",
        aliases=("hu",),
    )
)
