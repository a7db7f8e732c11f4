from dataclasses import replace

import numpy as np

from audioplane.evaluate.mouth.habits import MouthHabits
from audioplane.evaluate.scores.visemes import VisemeScores
from audioplane.experiments.motion import DrivenMotion
from audioplane.experiments.stress.page import stress_page
from audioplane.experiments.stress.report import (
    PAUSE,
    SILENCE,
    TRAINING,
    StressReport,
    stress_row,
)
from audioplane.experiments.stress.rest import RestRow

OWN = MouthHabits(closed=0.0, mean=0.1, open=0.2, deviation=0.06, pause=0.02)


def motion(aperture: list[float], moved: float = 0.01) -> DrivenMotion:
    n = len(aperture)
    image = np.zeros((16, 16, 3), np.uint8)
    return DrivenMotion(
        np.array(aperture), np.ones(n, bool), np.full(n, 50.0), np.full(n, moved), image
    )


RESTING, TALKING = [0.02] * 10, [0.0, 0.2] * 5
MOTIONS = {
    TRAINING: motion(TALKING),
    SILENCE: motion(RESTING),
    PAUSE: motion(TALKING + RESTING),
    "noise": motion(TALKING),
}


def report(**changed: DrivenMotion) -> StressReport:
    motions = MOTIONS | changed
    shown = {PAUSE: slice(10, 20)}
    rows = [stress_row(k, s, None, shown.get(k, slice(None))) for k, s in motions.items()]
    return StressReport("somebody", OWN, 10.0, tuple(rows))


def bad(found: StressReport) -> list[str]:
    return [text for text, good in found.findings if not good]


def test_a_head_that_rests_and_holds():
    assert bad(report()) == []
    assert {row.name for row in report().rows} == MOTIONS.keys()


def test_a_mouth_that_moves_or_stays_open_in_silence():
    (text,) = bad(report(**{SILENCE: motion([0.0, 0.05] * 5)}))
    assert text.startswith("silence: the mouth moves")
    (text,) = bad(report(**{SILENCE: motion([0.15] * 10)}))
    assert "wider than" in text


def test_a_mouth_that_does_not_rest_after_speech():
    found = replace(report(), rests=(RestRow("breath", 0.12, 0.01), RestRow("music", None, 0.3)))
    first, second = bad(found)
    assert first == "music after speech: the mouth does not stay shut"
    assert second == "music after speech: the mouth quivers: 30 % of its deviation in speech"
    page = stress_page(found, list(MOTIONS.values()))
    assert "Rest after speech" in page and "✓ breath after speech: the mouth is still" in page


def test_geometry_that_tears():
    (text,) = bad(report(noise=motion(TALKING, moved=0.02)))
    assert text == "noise: the geometry tears: 2.00 times the largest move in training speech"


def test_frames_without_a_mouth_do_not_count():
    blind = replace(motion([0.5, 0.1, 0.1]), found=np.array([False, True, True]))
    assert stress_row("x", blind, 1.5).aperture == 0.1


def test_a_mouth_that_is_never_seen_is_not_called_resting():
    hidden = replace(motion(RESTING), found=np.zeros(10, bool))
    found = report(**{SILENCE: hidden})
    assert bad(found) == ["silence: no mouth was seen"]
    assert found.cells()[1][2:4] == [None, None] and '"aperture": null' in found.to_json()
    assert "silence: no mouth" in stress_page(found, list((MOTIONS | {SILENCE: hidden}).values()))


def test_the_page_shows_every_sound():
    found = report()
    page = stress_page(found, list(MOTIONS.values()))
    assert all(page.count(row.name) >= 3 for row in found.rows)
    assert "✓ silence: the mouth rests" in page


def test_a_head_that_nothing_moves_is_no_defect():
    still = {name: motion([0.02] * 20, moved=0.0) for name in MOTIONS}
    rows = tuple(stress_row(name, m, None) for name, m in still.items())
    found = StressReport("somebody", OWN, 0.0, rows)
    assert bad(found) == [] and "NaN" not in found.to_json()
    torn = replace(found, rows=(*rows[:-1], replace(rows[-1], moved=2.0)))
    assert bad(torn) == ["noise: moves Gaussians that training speech leaves still"]


def test_lips_and_phones_stand_beside_the_recording():
    found = report()
    own, recorded = VisemeScores(0.8, 5, 0.0, 5), VisemeScores(1.0, 5, 0.0, 5)
    rows = tuple(replace(r, visemes=own) if r.name == TRAINING else r for r in found.rows)
    found = replace(found, rows=rows, recorded=recorded)
    shown = found.phone_cells()
    assert [line[0] for line in shown] == ["the recording itself", TRAINING]
    assert shown[1][1] == "0.80 of 5" and shown[1][-1] == "0.80"
    assert "0.80 of 5" in stress_page(found, list(MOTIONS.values()))
    unheard = replace(found, recorded=VisemeScores(empty="not installed"))
    assert "not installed" in stress_page(unheard, list(MOTIONS.values()))
