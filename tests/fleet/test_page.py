"""The fleet's page: pictures, scores, failures, at any moment."""

import re
from dataclasses import replace

import numpy as np
import pytest

from audioplane.fleet.page import fleet_page
from audioplane.fleet.state import Failure, StepRecord, VideoState, write_state
from audioplane.fleet.status import fleet_status, keep_names
from audioplane.fleet.store import Store
from audioplane.media.image import encode_image


@pytest.fixture
def store(tmp_path) -> Store:
    store = Store(str(tmp_path))
    keep_names(store, ["ann", "bob", "cy", "dee", "eve"])
    picture = encode_image(np.full((16, 32, 3), 200, np.uint8), ".jpg")
    store.write("heads/ann/preview.jpg", picture)
    steps = {"prepare": StepRecord("k", 60.0), "train": StepRecord("l", 120.0)}
    figures = {"psnr": 31.44, "mac": 0.7, "megabytes": 33.0}
    write_state(store, VideoState("ann", "done", steps=steps, figures=figures))
    write_state(
        store, VideoState("bob", "failed", failure=Failure("prepare", "PrepareError", "no <face>"))
    )
    write_state(store, VideoState("cy", "working", at="train 34%"))
    quiet = VideoState("dee", "working", at="prepare", updated=1.0)
    store.write("state/dee.json", quiet.to_json())
    return store


def test_it_tells_everything_about_every_video(store):
    page = fleet_page(store)
    text = re.sub(r"<[^>]+>", " ", page)
    assert "5 videos: 1 done, 1 failed, 1 quiet, 1 waiting, 1 working." in text
    assert page.count('<img src="data:image/jpeg') == 1 and "ann: 31.4 dB, MAC 0.70" in text
    assert "PrepareError: 1" in text and "no &lt;face&gt;" in text
    assert "train 34%" in text and "1 videos wait" in text
    assert re.search(r"ann\s+31\.4\s+–\s+–\s+–\s+–\s+0\.70\s+–\s+33\.0\s+3\.0", text)
    assert "1.0 minutes in the median" in text


def test_an_empty_store_and_a_damaged_picture_are_no_obstacle(store, tmp_path):
    assert "0 videos: no video yet." in fleet_page(str(tmp_path / "nothing"))
    store.write("heads/ann/preview.jpg", b"damaged")
    store.write("state/bob.json", b"{")
    status = fleet_status(store)
    assert status.word("bob") == "waiting" and "bob" not in status.states
    assert "no head has a picture yet" in fleet_page(store)


def test_a_state_comes_back_as_it_was(store):
    state = fleet_status(store).states["ann"]
    assert VideoState.from_json(state.to_json()) == state
    assert VideoState.from_json(state.to_json().replace(b'"version": 1', b'"version": 9')) is None
    assert replace(state, steps={}).seconds == 0.0 and state.seconds == 180.0
