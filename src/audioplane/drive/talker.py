"""`audioplane drive`: from a sound file to a video file."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float

from audioplane.assets import sha256_of
from audioplane.cli.console import console, in_flags, progress_bar
from audioplane.credentials.options import ProvenanceOptions
from audioplane.credentials.sealing import state_provenance
from audioplane.drive import Animator
from audioplane.errors import SpeechError, SubjectError
from audioplane.media.audio import read_audio
from audioplane.media.video import VideoWriter
from audioplane.speech import Speech, can_compute, compute_features, load_external_features
from audioplane.speech.familiarity import sound_warnings
from audioplane.subject import load_subject
from audioplane.train import TrainedHead, load_head

MOST_ARTICULATE = 4.0
SOUND_RATE = 48_000
"""Samples a second of the film's sound; speech features are computed at 16 kHz."""


@dataclass(frozen=True)
class Manner:
    """How a head is made to speak."""

    subject: Path | None = None
    """Its subject's folder, if that has moved."""
    speech_model: Path | None = None
    """The network that its features need, if any; looked up if not given."""
    articulation: float = 1.0
    """See `articulate`."""
    crf: int = 18
    """H.264 quality, 0 (lossless) to 51 (worst)."""


def open_animator(
    trained: TrainedHead, subject: Path | None, device: torch.device | str = "cpu"
) -> Animator:
    """The head of a run, taken to a device, before its subject, which may have moved.

    Raises `SubjectError` if the folder is not there or holds another subject.
    """
    folder = subject or trained.subject
    if not folder.is_dir():
        raise SubjectError(f"{folder} is gone: name the subject's folder with --subject")
    person = load_subject(folder)
    if person.identity != trained.identity:
        raise SubjectError(f"{folder} is not the subject that this head was trained on")
    return Animator(trained.head.to(device), person, trained.views)


def articulate(animator: Animator, factor: float) -> None:
    """Let a head's lips move further (above 1) or less far (below) than it learned to.

    Raises `SpeechError` for a factor that no speaker has.
    """
    if not 0 <= factor <= MOST_ARTICULATE:
        raise SpeechError(f"--articulation {factor:g}: choose between 0 and {MOST_ARTICULATE:g}")
    animator.head.encoder.articulation = factor


def features_of(
    trained: TrainedHead, speech: Speech, speech_model: Path | None = None
) -> Float[np.ndarray, "t w f"]:
    """The features that a head takes of a sound; `speech_model` as for `Manner`.

    Raises `SpeechError` for a head whose features cannot be computed here.
    """
    if not can_compute(trained.config.speech):
        raise SpeechError(
            f"this head was trained on features '{trained.config.speech}' that cannot be computed "
            "here: bring the speech as a .npy file of them"
        )
    return compute_features(speech, trained.config.speech, speech_model)


def codes_of(
    trained: TrainedHead,
    animator: Animator,
    speech: Speech,
    speech_model: Path | None = None,
) -> Float[torch.Tensor, "t k"]:
    """What a head is to say to a sound of any voice; raises as `features_of` does."""
    features = features_of(trained, speech, speech_model)
    return animator.codes(features, speech.spoken_frames())


def strangeness(trained: TrainedHead, speech: Speech) -> float | None:
    """`Familiarity.strangeness`; None, too, for heads of before they kept what they learned."""
    return trained.familiarity.strangeness(speech) if trained.familiarity else None


def warn_if_strange(trained: TrainedHead, speech: Speech, name: str) -> float | None:
    """`strangeness`, with `sound_warnings` on the console."""
    for warning in sound_warnings(speech, trained.familiarity, name):
        console.print(warning, style="yellow")
    return strangeness(trained, speech)


def drive_file(
    run: Path,
    speech: Path,
    out: Path,
    provenance: ProvenanceOptions,
    manner: Manner = Manner(),
    device: torch.device | str = "cpu",
) -> int:
    """Write the video of a head that speaks; returns its number of frames.

    `speech` is a sound (or video) file, or `.npy` features of the kind that the head was trained
    with; these make a silent video.
    """
    trained = load_head(run)
    stated = state_provenance(provenance, run, trained, sha256_of(speech), out)
    for note in stated.notes:
        console.print(in_flags(note, provenance))
    animator = open_animator(trained, manner.subject, device)
    articulate(animator, manner.articulation)
    if speech.suffix == ".npy":
        sound, codes = None, animator.codes(load_external_features(speech))
    else:
        sound = read_audio(speech, SOUND_RATE)
        described = Speech(read_audio(speech))
        with console.status("listening to the speech"):
            codes = codes_of(trained, animator, described, manner.speech_model)
        warn_if_strange(trained, described, speech.name)
    width, height = animator.size
    writer = VideoWriter(
        out, width, height, audio=sound, audio_rate=SOUND_RATE, crf=manner.crf, seal=stated.seal
    )
    with writer as video, progress_bar() as bar:
        task = bar.add_task("drive", total=len(codes), note="")
        for _, frame in animator.speak(codes, stated.marker(width, height)):
            video.write(frame.image)
            bar.advance(task)
    return len(codes)
