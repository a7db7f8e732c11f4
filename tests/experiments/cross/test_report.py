import json
from dataclasses import replace

import numpy as np

from audioplane.evaluate.mouth.habits import MouthHabits
from audioplane.evaluate.scores.sound import SoundSync
from audioplane.evaluate.scores.visemes import VisemeScores
from audioplane.evaluate.syncnet import NO_SYNCNET, SyncScores
from audioplane.experiments.cross.page import cross_page
from audioplane.experiments.cross.report import (
    OWN,
    RECORDING,
    CrossRow,
    Reference,
    cells,
    cross_row,
    phone_cells,
    reasons,
    to_json,
)
from audioplane.experiments.motion import DrivenMotion

HEARD = VisemeScores(0.9, 10, 0.1, 12, 0.8, 0.7)
UNKNOWN = SyncScores(empty=NO_SYNCNET)
REFERENCE = Reference(MouthHabits(0.0, 0.1, 0.2, 0.1, None), 0.02)


def test_a_mouth_that_follows_the_sound():
    loud = np.random.default_rng(0).uniform(0, 1, 60)
    t = np.arange(60 * 640) / 16000
    wave = (np.repeat(loud, 640) * np.sin(2 * np.pi * 1000 * t)).astype(np.float32)
    image = np.zeros((4, 4, 3), np.uint8)
    motion = DrivenMotion(
        0.2 * np.roll(loud, 1), np.ones(60, bool), np.full(60, 50.0), np.full(60, 0.03), image
    )
    row = cross_row("me", "a.wav", motion, wave, REFERENCE, 1.2, UNKNOWN, "me-a.mp4")
    assert row.sound is not None and row.sound.lag == 1 and row.sound.correlation > 0.99
    assert row.moved == 1.5 and row.seconds == 2.4 and row.spread is not None
    assert abs(row.spread - 2 * loud.std()) < 1e-6
    assert cross_row("me", RECORDING, motion, wave, REFERENCE, None, UNKNOWN).moved is None


def test_the_page_has_the_layout_of_table_5():
    rows = [
        CrossRow(head, speech, 8.0, SoundSync(value, -1), 0.9, 1.0, None, UNKNOWN, film)
        for head, value in (("a", 0.41), ("b", 0.32))
        for speech, film in ((RECORDING, None), (OWN, None), ("fr.wav", f'{head} "fr".mp4'))
    ]
    page = cross_page(rows)
    assert "2 heads, each driven by 1 other speeches" in page
    assert page.count("0.41 at -1") == 6 and page.count("<video") == 2
    assert 'src="a%20%22fr%22.mp4"' in page
    assert cells(rows)[2] == ["a", "fr.wav", "8.0", "0.41 at -1", None, None, "0.90", "1.00", None]
    assert json.loads(to_json(rows))["rows"][0]["sound"]["lag"] == -1


def test_syncnet_stands_where_it_could_judge():
    judged = SyncScores(6.5, 7.25, -1, 90, 1)
    short = SyncScores(empty="too short")
    rows = [
        CrossRow("a", speech, 8.0, None, None, None, None, sync, visemes=HEARD)
        for speech, sync in (("fr.wav", judged), ("zh.wav", short))
    ]
    assert cells(rows)[0][4:6] == ["6.500", "7.250"]
    assert reasons(rows) == ["SyncNet of a with zh.wav: too short"]
    page = cross_page(rows)
    assert "6.500" in page and "too short" in page
    nowhere = [replace(row, syncnet=UNKNOWN) for row in rows]
    assert reasons(nowhere) == [f"SyncNet: {NO_SYNCNET}"]


def test_a_head_and_a_person_that_never_move_are_no_defect():
    still = DrivenMotion(
        np.zeros(60), np.ones(60, bool), np.zeros(60), np.zeros(60), np.zeros((4, 4, 3), np.uint8)
    )
    nothing = Reference(MouthHabits(0.0, 0.0, 0.0, 0.0, None), 0.0)
    row = cross_row("me", "a.wav", still, np.zeros(60 * 640, np.float32), nothing, None, UNKNOWN)
    assert row.sound is None and row.spread is None and row.moved is None
    assert cells([row])[0][3] is None and "me" in cross_page([row])


def test_closures_stand_beside_those_of_the_recording():
    worse, unheard = replace(HEARD, closures=0.45), VisemeScores(empty="not installed")
    rows = [
        CrossRow("a", speech, 8.0, None, None, None, None, UNKNOWN, visemes=visemes)
        for speech, visemes in ((RECORDING, HEARD), ("fr.wav", worse), ("zh.wav", unheard))
    ]
    shown = phone_cells(rows)
    assert shown[1] == ["a", "fr.wav", "0.45 of 10", "0.10 of 12", "0.80", "0.70", "0.50"]
    assert shown[2] == ["a", "zh.wav", *[None] * 5]
    assert "phones of a with zh.wav: not installed" in reasons(rows)
    page = cross_page(rows)
    assert "0.45 of 10" in page and "lips closed at p, b, m" in page
    assert json.loads(to_json(rows))["rows"][1]["visemes"]["closures"] == 0.45
