"""`audioplane stress`: a head under sounds that are not speech."""

import json
from pathlib import Path

import numpy as np
import torch

from audioplane.cli.console import progress_bar
from audioplane.clock import SAMPLE_RATE
from audioplane.drive.talker import Talker
from audioplane.errors import MediaError
from audioplane.evaluate.mouth.view import open_mouth_views
from audioplane.evaluate.report import write_text
from audioplane.evaluate.scores.sound import sound_of
from audioplane.experiments.spoken import Spoken, usual_mouth, usual_move, watch
from audioplane.experiments.stress import stimuli
from audioplane.experiments.stress.report import (
    PAUSE,
    SILENCE,
    TRAINING,
    StressReport,
    StressRow,
    stress_page,
    stress_row,
)
from audioplane.run import open_run
from audioplane.speech import Speech
from audioplane.subject import Subject
from audioplane.subject.layout import FPS

SECONDS = 6.0
"""Of speech, music and shouting."""
_SILENCE, _NOISE = 2.0, 4.0
_SETTLE = round(0.4 * FPS)
"""Frames beside a pause in which the mouth may still close or already open."""


def run_stress(
    run: Path,
    out: Path,
    subject: Path | None,
    landmarker: Path | None,
    device: torch.device | str = "cpu",
) -> StressReport:
    """Drive a head with silence, noise, music and shouting; writes stress.json and stress.html.

    Raises `MediaError` if the subject has no sound, `SpeechError` if features of sounds cannot be
    computed for this head.
    """
    talker = Talker(open_run(run, subject), device)
    animator, person = talker.animator, talker.run.subject
    rows: list[StressRow] = []
    watched: list[Spoken] = []
    sounds = _sounds(person)
    with open_mouth_views(person, landmarker) as views, progress_bar() as bar:
        total = sum(len(sound) // (SAMPLE_RATE // FPS) for sound in sounds.values())
        task = bar.add_task("stress", total=total, note="")
        for name, sound in sounds.items():
            speech = Speech(sound)
            codes = talker.codes(speech)
            spoken = watch(animator, codes, animator.speak(codes, None), views.rendered)
            shown = _middle(len(codes)) if name == PAUSE else slice(None)
            rows.append(stress_row(name, spoken, talker.strangeness(speech), shown))
            watched.append(spoken)
            bar.advance(task, len(codes))
    codes = animator.codes(person.features(talker.run.speech))
    learned = codes[[min(ref.aud_id, len(codes) - 1) for ref in animator.refs]]
    move = 1e3 * usual_move(animator, learned)
    report = StressReport(person.paths.root.name, usual_mouth(person), move, tuple(rows))
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as e:
        raise MediaError(f"{out} cannot be made: {e.strerror}") from e
    write_text(out / "stress.json", json.dumps(report.to_dict(), indent=1))
    write_text(out / "stress.html", stress_page(report, watched))
    return report


def _sounds(person: Subject) -> dict[str, np.ndarray]:
    """What the head gets to hear, by name."""
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
        "shouting": stimuli.shout(speech),
    }


def _middle(frames: int) -> slice:
    """The frames of the pause, without those in which the mouth comes and goes."""
    pause = round(_SILENCE * FPS)
    first = (frames - pause) // 2
    return slice(first + _SETTLE, first + pause - _SETTLE)
