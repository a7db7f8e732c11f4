"""The playout of a call."""

import asyncio
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("aiortc", reason="needs the extra serve")

from audioplane.clock import FRAME_SAMPLES  # noqa: E402
from audioplane.serve import playout as module  # noqa: E402
from audioplane.serve.limits import Limits  # noqa: E402
from audioplane.serve.playout import Playout  # noqa: E402
from audioplane.serve.session import Session  # noqa: E402

DELAY = 0.05


@pytest.fixture
def frame(served):
    """`frame(n)`: frame n, whose sound holds its number."""
    live = served.live()
    frames = live.push(np.zeros(live.look_ahead + 3 * FRAME_SAMPLES, np.float32))
    return lambda n: replace(frames[0], index=n, sound=np.full(FRAME_SAMPLES, n / 100, np.float32))


@pytest.fixture
def playout(heads, served):
    return Playout(Session(heads, replace(served, delay=DELAY), Limits()))


def flat(n: int) -> np.ndarray:
    return np.full((64, 64, 3), n, np.uint8)


def test_images_leave_behind_their_sound_and_the_newest_wins(playout, frame):
    async def play() -> None:
        for n in range(4):
            await playout.sound(frame(n))
        for n in (0, 2, 3):
            await playout.image(n, flat(n))
        loop = asyncio.get_running_loop()
        started = loop.time()
        sound, first = await asyncio.gather(playout.sounds.recv(), playout.images.recv())
        due = DELAY + module._AFTER_SOUND
        assert due - 0.02 < loop.time() - started < due + 0.04
        assert first.pts == sound.pts == 0 and sound.samples == 320
        await asyncio.sleep(0.14)  # until frame 3 is due too
        newest = await playout.images.recv()
        assert newest.pts == 3 * FRAME_SAMPLES and newest.to_ndarray()[0, 0, 0] == 3
        rest = [await playout.sounds.recv() for _ in range(7)]  # no sound is left out
        assert [f.pts for f in rest] == [320 * (i + 1) for i in range(7)]

    asyncio.run(play())
    assert (playout.session.drawn, playout.session.skipped) == (2, 1)


def test_an_image_that_is_too_late_is_left_out(playout, frame):
    async def play() -> None:
        await playout.sound(frame(0))
        await asyncio.sleep(DELAY + module._AFTER_SOUND + 0.12)
        await playout.image(0, flat(0))
        await playout.image(4, flat(4))
        assert (await playout.images.recv()).pts == 4 * FRAME_SAMPLES

    asyncio.run(play())


def test_after_a_delay_sound_leaves_later_and_then_faster(playout, frame, monkeypatch):
    monkeypatch.setattr(module, "_WATCHED", 5)
    playout._waits = module.deque(maxlen=5)

    async def play() -> None:
        await playout.sound(frame(0))
        await asyncio.sleep(0.2)
        await playout.sound(frame(1))  # was due 0.11 s before
        assert -playout.lateness(FRAME_SAMPLES) == pytest.approx(0.04, abs=0.01)
        for n in range(2, 20):  # all at once: they wait longer than they have to
            await playout.sound(frame(n))
        late = 0.04 + 18 * 0.04 - 14 * 0.004
        assert -playout.lateness(19 * FRAME_SAMPLES) == pytest.approx(late, abs=0.02)

    asyncio.run(play())


def test_sounds_that_nobody_takes_are_bounded(playout, frame):
    async def play() -> None:
        for n in range(module._SOUNDS_WAITING + 3):
            await playout.sound(frame(n))

    asyncio.run(play())
    assert len(playout.sounds.waiting) == module._SOUNDS_WAITING
