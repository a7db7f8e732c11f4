import json

import numpy as np

from audioplane.evaluate.cross import (
    OWN,
    RECORDING,
    CrossRow,
    Usual,
    cells,
    cross_page,
    cross_row,
    to_json_dict,
)
from audioplane.evaluate.sound import SoundSync
from audioplane.evaluate.spoken import Mouth, Spoken

USUAL = Usual(Mouth(0.0, 0.1, 0.2, 0.1, None), 0.02)


def test_a_mouth_that_follows_the_sound():
    loud = np.random.default_rng(0).uniform(0, 1, 60)
    t = np.arange(60 * 640) / 16000
    wave = (np.repeat(loud, 640) * np.sin(2 * np.pi * 1000 * t)).astype(np.float32)
    picture = np.zeros((4, 4, 3), np.uint8)
    spoken = Spoken(0.2 * np.roll(loud, 1), np.ones(60, bool), np.full(60, 0.03), picture)
    row = cross_row("me", "a.wav", spoken, wave, USUAL, 1.2, "me-a.mp4")
    assert row.sound is not None and row.sound.lag == 1 and row.sound.correlation > 0.99
    assert row.moved == 1.5 and row.seconds == 2.4 and row.spread is not None
    assert abs(row.spread - 2 * loud.std()) < 1e-6
    assert cross_row("me", RECORDING, spoken, wave, USUAL, None).moved is None


def test_the_page_has_the_layout_of_table_5():
    rows = [
        CrossRow(head, speech, 8.0, SoundSync(value, -1), 0.9, 1.0, None, film)
        for head, value in (("a", 0.41), ("b", 0.32))
        for speech, film in ((RECORDING, None), (OWN, None), ("fr.wav", f'{head} "fr".mp4'))
    ]
    page = cross_page(rows)
    assert "2 heads, each driven by 1 other speeches" in page
    assert page.count("0.41 at -1") == 6 and page.count("<video") == 2
    assert 'src="a%20%22fr%22.mp4"' in page
    assert cells(rows)[2] == ["a", "fr.wav", "8.0", "0.41 at -1", "0.90", "1.00", None]
    assert json.loads(json.dumps(to_json_dict(rows)))["rows"][0]["sound"]["lag"] == -1
