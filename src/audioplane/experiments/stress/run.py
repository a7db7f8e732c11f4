"""The stress experiment: a head under sounds that are not speech."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from audioplane.assets import check_output, find_model, write_text
from audioplane.clock import FPS, FRAME_SAMPLES, SAMPLE_RATE
from audioplane.drive.talker import Talker
from audioplane.errors import MediaError
from audioplane.evaluate.heldout import rows_of
from audioplane.evaluate.mouth.habits import mouth_habits
from audioplane.evaluate.mouth.view import MouthView, SeenMouth, mouth_track, open_mouth_views
from audioplane.evaluate.scores.sound import sound_of
from audioplane.evaluate.scores.visemes import HeardPhones, LipShapes, VisemeScores, mouth_width
from audioplane.experiments.motion import (
    DrivenMotion,
    measure_motion,
    training_move,
)
from audioplane.experiments.stress import stimuli
from audioplane.experiments.stress.page import stress_page
from audioplane.experiments.stress.report import (
    PAUSE,
    SHOUTING,
    SILENCE,
    TRAINING,
    StressReport,
    StressRow,
    stress_row,
)
from audioplane.experiments.stress.rest import Ending, RestRow, endings, rest_row
from audioplane.face.landmarker import FACE_LANDMARKER
from audioplane.media.image import read_image
from audioplane.progress import Counter, Report, ignore
from audioplane.run import open_run
from audioplane.speech import Speech
from audioplane.splat.device import choose_device
from audioplane.subject import Subject

JSON_NAME, PAGE_NAME = "stress.json", "stress.html"
SECONDS = 6.0
"""Of speech, music and shouting."""
_SILENCE, _NOISE = 2.0, 4.0
_SPOKEN = (TRAINING, SHOUTING)
"""The sounds in which somebody speaks."""
_SETTLE = round(0.4 * FPS)
"""Frames beside a pause in which the mouth may still close or already open."""


def stress(
    run: Path | str,
    *,
    subject: Path | str | None = None,
    out: Path | str | None = None,
    landmarker: Path | None = None,
    device: torch.device | str = "auto",
    report: Report | None = None,
) -> StressReport:
    """Drive a head with silence, noise, music and shouting.

    Args:
        run: The run.
        subject: Its subject's folder, if that has moved since the training.
        out: Folder for `stress.json` and `stress.html`; None writes nothing.
        landmarker: MediaPipe's `face_landmarker.task`; None looks where model files are kept.
        device: "auto", "cpu" or "cuda".
        report: Receives the progress.

    Returns:
        The mouth's aperture and the Gaussians' moves under each sound, and findings in words.

    Raises:
        CheckpointError, SubjectError: Run or subject are not there or damaged.
        ModelError: `landmarker` is not a file.
        MediaError: The subject has no sound, or `out` cannot be written.
        SpeechError: Features of sounds cannot be computed for this head.
    """
    if out is not None:
        check_output(Path(out) / JSON_NAME)
    find_model(FACE_LANDMARKER, landmarker)  # a named one is there, or it ends here
    chosen = choose_device(device).device if isinstance(device, str) else device
    talker = Talker(open_run(run, subject), chosen)
    animator, person = talker.animator, talker.run.subject
    rows: list[StressRow] = []
    motions: list[DrivenMotion] = []
    sounds, habits = _sounds(person), mouth_habits(person)
    ended = endings(sounds[TRAINING])
    heard = [*sounds.values(), *(ending.sound for ending in ended)]
    step = Counter(report or ignore, "stress", sum(len(x) // FRAME_SAMPLES for x in heard))
    with open_mouth_views(person, landmarker) as views:
        for name, sound in sounds.items():
            speech = Speech(sound)
            codes = talker.codes(speech)
            # The images are measured and discarded: they need no mark.
            frames = animator.speak(codes, None, speech.spoken_frames().tolist())
            motion = measure_motion(animator, codes, frames, views.rendered)
            counted = _middle(len(codes)) if name == PAUSE else slice(None)
            row = stress_row(name, motion, talker.strangeness(speech), counted)
            if name in _SPOKEN:
                scores = HeardPhones.of(speech).score(motion.lips, habits.shut)
                row = replace(row, visemes=scores)
            rows.append(row)
            motions.append(motion)
            step(len(codes))
        rests = _rests(talker, ended, views.rendered, habits.shut, step)
        recorded = _recorded(person, sounds[TRAINING], views.true, habits.shut)
    move = 1e3 * _training_move(talker)
    found = StressReport(person.paths.root.name, habits, move, tuple(rows), recorded, rests)
    if out is not None:
        write_text(Path(out) / JSON_NAME, found.to_json())
        write_text(Path(out) / PAGE_NAME, stress_page(found, motions))
    return found


def _training_move(talker: Talker) -> float:
    """`motion.training_move` of the training frames."""
    run, animator = talker.run, talker.animator
    codes = animator.codes(run.subject.features(run.speech))
    return training_move(animator, codes[rows_of(run.footage.refs, len(codes))])


def _sounds(person: Subject) -> dict[str, np.ndarray]:
    """The sounds that the head is driven with, by name."""
    trained_on = sound_of(person, person.train)
    if trained_on is None:
        raise MediaError(f"{person.paths.audio} is missing: put the subject's sound there")
    speech = trained_on[: round(SECONDS * SAMPLE_RATE)]
    third = len(speech) // 3
    quiet = stimuli.silence(_SILENCE)
    return {
        TRAINING: speech,
        SILENCE: quiet,
        PAUSE: np.concatenate([speech[:third], quiet, speech[third : 2 * third]]),
        "noise": stimuli.noise(_NOISE),
        "music": stimuli.music(SECONDS),
        SHOUTING: stimuli.shout(speech),
    }


def _rests(
    talker: Talker, sounds: Sequence[Ending], view: MouthView, shut: float, step: Counter
) -> tuple[RestRow, ...]:
    """The mouth after speech, at one pose, so that only the sound moves it."""
    animator, rows = talker.animator, []
    ref = animator.footage.loop[0]
    plate = animator.footage.plate(ref)
    for ending in sounds:
        view.restart()
        seen = []
        for code in talker.codes(Speech(ending.sound)):
            seen.append(view.see(animator.draw(code, ref, plate).image, ref))
            step()
        rows.append(rest_row(ending, _shapes(seen), shut))
    return tuple(rows)


def _shapes(seen: Sequence[SeenMouth | None]) -> LipShapes:
    mouths = mouth_track(seen)
    return LipShapes(mouths.aperture, mouth_width(mouths.landmarks), mouths.found)


def _recorded(person: Subject, sound: np.ndarray, view: MouthView, shut: float) -> VisemeScores:
    """The recording's lips against the phones of the training speech."""
    refs = person.train[: len(sound) // FRAME_SAMPLES]
    images = (read_image(person.paths.image(ref.img_id)) for ref in refs)
    view.restart()
    lips = _shapes([view.see(image, ref) for image, ref in zip(images, refs, strict=True)])
    return HeardPhones.of(Speech(sound)).score(lips, shut)


def _middle(frames: int) -> slice:
    """The frames of the pause, without those in which the mouth still closes or opens."""
    pause = round(_SILENCE * FPS)
    first = (frames - pause) // 2
    return slice(first + _SETTLE, first + pause - _SETTLE)
