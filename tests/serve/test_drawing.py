"""Clients that draw by themselves: what the server sends them, and how many it admits."""

import base64
import json
from dataclasses import replace

import numpy as np
import pytest

from audioplane.errors import CheckpointError, CredentialsError
from audioplane.mark.pattern import payload_cells, sync_cells
from audioplane.run import open_run
from audioplane.serve.heads import Heads
from audioplane.serve.limits import Limits
from audioplane.serve.workers import FrameCost
from audioplane.web.drawing import DRAWING, check_drawing
from audioplane.web.head_bin import read_head_bin
from tests.run.made import make_run
from tests.serve.conftest import KEY, serving, stated
from tests.serve.test_app import get, live, until


@pytest.fixture(scope="module")
def address(drawn_there, heads):
    """That head, and "drawn", which is drawn by the server alone."""
    both = Heads([drawn_there, heads.by_name["drawn"]])
    with serving(both, replace(Limits(), requests_a_minute=6000.0)) as address:
        yield address
    both.drawing.shutdown()


def test_code_and_pose_come_with_the_sound_and_the_mark_is_the_sessions(address, drawn_there):
    sound = (np.random.default_rng(0).normal(size=16000) * 3000).astype("<i2")
    with live(address, "run&draw=client") as socket:
        hello = json.loads(socket.recv())
        socket.send(sound.tobytes())
        frames = until(socket, lambda kind, index, _: index == 5)
    assert hello["draw"] == "client" and hello["marked"]
    session = int(hello["mark_session"], 16)
    payload = replace(stated().payload, session=session)
    cells = np.frombuffer(base64.b64decode(hello["mark"]), np.int8).reshape(2, 64, 64)
    assert np.allclose(cells[0] + 1j * cells[1], sync_cells() + payload_cells(payload, KEY))
    assert [(kind, index) for kind, index, _ in frames] == [(3, i) for i in range(6)]
    live_head, index = drawn_there.live(), 0
    for frame in live_head.push(np.zeros(live_head.look_ahead + 6 * 640, np.float32)):
        drawn = frames[index][2][1280:]
        view = np.frombuffer(drawn[384:432], "<f4").reshape(3, 4)
        body = np.frombuffer(drawn[432:480], "<f4").reshape(3, 4)
        expected = drawn_there.animator.view(frame.moment)
        assert expected.body is not None
        assert np.allclose(view, expected.viewmat[:3], atol=1e-6)
        assert np.allclose(body, expected.body[:3], atol=1e-6)
        assert np.allclose(
            np.frombuffer(drawn[480:], "<f4"), drawn_there.animator.expression(frame.moment)
        )
        index += 1
    codes = [np.frombuffer(content[1280:1664], "<f2") for _, _, content in frames]
    assert np.isfinite(codes).all() and np.std(codes) > 0


def test_whoever_does_not_ask_and_heads_that_do_not_allow_it_get_images(address):
    for head, wanted in (("run", "server"), ("drawn&draw=client", "server")):
        with live(address, head) as socket:
            assert json.loads(socket.recv())["draw"] == wanted
            until(socket, lambda kind, *_: kind == 2)


def test_the_files_are_there_for_those_heads_alone(address):
    assert json.loads(get(f"http://{address}/api/ways")[1]) == ["drawing", "websocket"]
    for name in DRAWING:
        assert get(f"http://{address}/api/heads/run/{name}")[0] == 200
        assert get(f"http://{address}/api/heads/drawn/{name}")[0] == 404
    assert get(f"http://{address}/api/heads/run/head.npz")[0] == 404
    for name in ("painters", "worker", "engine"):
        assert get(f"http://{address}/drawing/{name}.js")[0] == 200


def test_the_files_hold_neither_an_audio_encoder_nor_a_mark(drawn_there):
    facts, arrays = read_head_bin(drawn_there.drawing / DRAWING[0])
    assert facts["ai_generated"] and facts["consent"] == "drawn; no person"
    assert "mark" not in arrays and not any(name.startswith("net.") for name in arrays)
    assert arrays["views"].shape == (1, 3, 4)


def test_recorded_torsos_stay_here(spoken_subject, tmp_path):
    run = open_run(make_run(tmp_path, spoken_subject), spoken_subject.paths.root)
    with pytest.raises(CheckpointError, match="recorded torso"):
        check_drawing(run, stated())


def test_unmarked_heads_stay_here(modelled):
    with pytest.raises(CredentialsError, match="mark"):
        check_drawing(modelled, replace(stated(), key=None))


def test_room_is_what_the_sessions_at_work_leave():
    """Two cores of which 85 % count: 68 ms of each 40."""
    cost = FrameCost(heard=0.002, rendered=0.0145, passed_on=0.0005)
    assert cost.room(2, (0, 0), drawn_there=True) == 27
    assert cost.room(2, (0, 20), drawn_there=True) == 7
    assert cost.room(2, (0, 0), drawn_there=False) == 4
    assert cost.room(2, (2, 10), drawn_there=True) == 3
    assert cost.room(2, (9, 0), drawn_there=True) < 0
    # The process that passes frames on has one core.
    assert cost.room(64, (0, 0), drawn_there=True) == 68
    unknown = replace(cost, rendered=None)
    assert unknown.room(2, (0, 0), False) is None and unknown.room(2, (0, 0), True) == 27
