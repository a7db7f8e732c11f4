"""What a training needs and an older subject, or one of prior work, may lack."""

import os

from audioplane.prepare.expression import with_expression
from audioplane.prepare.features import add_features
from audioplane.prepare.pose.body import with_body
from audioplane.progress import Progress, Report, ignore
from audioplane.speech import feature_kind
from audioplane.speech.kinds import can_compute, feature_files
from audioplane.subject import Subject, load_subject
from audioplane.subject.hair import has_long_hair


def complete_subject(
    subject: Subject,
    speech: str,
    torso: str = "recorded",
    expression: str = "blink",
    report: Report = ignore,
) -> Subject:
    """The subject with all that a training reads; what is made is kept in its folder.

    Args:
        subject: its images and its sound are read.
        speech: feature kind.
        torso: that of the model's settings; "model" needs the torso's motion, and so does "auto"
            where hair falls onto the shoulders.
        expression: likewise; "upper-face" is learnt where it can be made.
        report: receives the frames that are done.

    Raises:
        MediaError: an image or the sound is missing or damaged, or the folder cannot be written.
        SpeechError: the sound has no speech features.
    """
    subject = with_features(subject, speech, report)
    if torso == "model" or (torso == "auto" and _needs_body(subject)):
        subject = with_body(subject, report)
    if expression == "upper-face":
        subject = with_expression(subject, report=report)
    return subject


def _needs_body(subject: Subject) -> bool:
    """Whether a torso that is chosen by the hair asks for a motion that is not known yet."""
    return not subject.paths.body.exists() and has_long_hair(subject)


def with_features(subject: Subject, kind: str, report: Report = ignore) -> Subject:
    """The subject with speech features of a kind, which are computed where they are missing and can
    be: the kind needs no network, there is a sound and the folder can be written.

    Raises as `complete_subject` does.
    """
    root = subject.paths.root
    if any((root / name).exists() for name in feature_files(kind)) or not can_compute(kind):
        return subject
    if feature_kind(kind).model or not subject.paths.audio.exists() or not os.access(root, os.W_OK):
        return subject
    report(Progress(f"speech features {kind}"))
    add_features(root, kind)
    return load_subject(root)
