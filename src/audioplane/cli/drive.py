"""`audioplane drive`: from a sound file to a video file."""

from pathlib import Path

from audioplane.cli.console import progress_bar
from audioplane.drive import Animator
from audioplane.errors import SpeechError
from audioplane.media.audio import read_audio
from audioplane.media.video import VideoWriter
from audioplane.speech import KINDS, compute_features, load_external_features
from audioplane.subject import load_subject
from audioplane.train import TrainedHead, load_head


def open_animator(trained: TrainedHead, subject: Path | None) -> Animator:
    """The head of a run before its subject, which may have moved."""
    return Animator(trained.head, load_subject(subject or trained.subject), trained.views)


def drive_file(run: Path, speech: Path, out: Path, subject: Path | None, crf: int) -> int:
    """Write the video of a head that speaks; returns its number of frames.

    `speech` is a sound (or video) file, or `.npy` features of the kind that the head was trained
    with; these make a silent video.
    """
    trained = load_head(run)
    animator = open_animator(trained, subject)
    if speech.suffix == ".npy":
        waveform, features = None, load_external_features(speech)
    elif trained.config.speech in KINDS:
        waveform = read_audio(speech)
        features = compute_features(waveform, trained.config.speech)
    else:
        raise SpeechError(
            f"this head was trained on features '{trained.config.speech}' that cannot be computed "
            "here: bring the speech as a .npy file of them"
        )
    width, height = animator.size
    codes = animator.codes(features)
    with VideoWriter(out, width, height, audio=waveform, crf=crf) as video, progress_bar() as bar:
        task = bar.add_task("drive", total=len(codes), note="")
        for _, frame in animator.speak(codes):
            video.write(frame.image)
            bar.advance(task)
    return len(codes)
