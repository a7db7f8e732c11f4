from dataclasses import replace

import numpy as np

from audioplane.experiments.spoken import Mouth, Spoken
from audioplane.experiments.stress.report import (
    PAUSE,
    SILENCE,
    TRAINING,
    StressReport,
    stress_page,
    stress_row,
)

OWN = Mouth(closed=0.0, mean=0.1, open=0.2, deviation=0.06, pause=0.02)


def spoken(aperture: list[float], moved: float = 0.01) -> Spoken:
    n = len(aperture)
    picture = np.zeros((16, 16, 3), np.uint8)
    return Spoken(np.array(aperture), np.ones(n, bool), np.full(n, moved), picture)


RESTING, TALKING = [0.02] * 10, [0.0, 0.2] * 5
WATCHED = {
    TRAINING: spoken(TALKING),
    SILENCE: spoken(RESTING),
    PAUSE: spoken(TALKING + RESTING),
    "noise": spoken(TALKING),
}


def report(**changed: Spoken) -> StressReport:
    watched = WATCHED | changed
    shown = {PAUSE: slice(10, 20)}
    rows = [stress_row(k, s, None, shown.get(k, slice(None))) for k, s in watched.items()]
    return StressReport("somebody", OWN, 10.0, tuple(rows))


def bad(found: StressReport) -> list[str]:
    return [text for text, good in found.findings if not good]


def test_a_head_that_rests_and_holds():
    assert bad(report()) == []
    assert {row.name for row in report().rows} == WATCHED.keys()


def test_a_mouth_that_chatters_or_gapes_in_silence():
    (text,) = bad(report(**{SILENCE: spoken([0.0, 0.05] * 5)}))
    assert text.startswith("silence: the mouth moves")
    (text,) = bad(report(**{SILENCE: spoken([0.15] * 10)}))
    assert "wider than" in text


def test_geometry_that_tears():
    (text,) = bad(report(noise=spoken(TALKING, moved=0.02)))
    assert text == "noise: the geometry tears: 2.00 times the furthest move of training speech"


def test_frames_without_a_mouth_do_not_count():
    blind = replace(spoken([0.5, 0.1, 0.1]), found=np.array([False, True, True]))
    assert stress_row("x", blind, 1.5).aperture == 0.1


def test_the_page_shows_every_sound():
    found = report()
    page = stress_page(found, list(WATCHED.values()))
    assert all(page.count(row.name) >= 3 for row in found.rows)
    assert "✓ silence: the mouth rests" in page
