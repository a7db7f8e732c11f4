"""Sessions whose heads are in worker processes: the same images, on several cores."""

import errno
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections import deque
from dataclasses import replace

import numpy as np
import pytest
from websockets.exceptions import ConnectionClosed

from audioplane.errors import CheckpointError, ServeError
from audioplane.run import open_run
from audioplane.run.footage import Footage
from audioplane.serve.app import make_app
from audioplane.serve.heads import Heads
from audioplane.serve.limits import Limits
from audioplane.serve.memory import memory_is_short
from audioplane.serve.open_heads import HeadSource, OpenHeads
from audioplane.serve.torsos import KeptTorsos, with_kept_torsos
from audioplane.serve.workers import RemoteHead, Workers
from tests.run.made import make_run
from tests.serve.conftest import eventually, running, stated
from tests.serve.test_app import get, live, until

ROOMY = replace(Limits(), requests_a_minute=6000.0, clients=4)


@pytest.fixture(scope="module")
def source(spoken_subject, tmp_path_factory) -> HeadSource:
    """The head of `served`, to be opened elsewhere."""
    folder = make_run(tmp_path_factory.mktemp("runs") / "drawn", spoken_subject)
    said, head = stated(), open_run(folder, spoken_subject.paths.root).sha256
    said = replace(said, origin=replace(said.origin, head=head))
    return HeadSource("drawn", folder, (64, 64), said, spoken_subject.paths.root)


@pytest.fixture(scope="module")
def workers(source, tmp_path_factory):
    workers = Workers([source], 2, tmp_path_factory.mktemp("torsos"))
    yield workers
    workers.close()


@pytest.fixture(scope="module")
def remote(source, workers):
    heads = Heads([RemoteHead("drawn", source.size, source.provenance, workers)], 8)
    app = make_app(heads, None, ROOMY, False, workers)
    with running(app, ROOMY) as address:
        yield address, app.state.service
    heads.drawing.shutdown()


def test_a_stream_in_a_worker_gives_the_same_images(source, workers, tmp_path):
    """Sound, codes and pixels are those of a stream in this process."""
    marker = source.provenance.marker(64, 64)
    here, there = source.open().stream(marker), workers.stream("drawn", marker)
    assert here.look_ahead == there.look_ahead and 0.1 < there.delay < 5
    sound = (np.random.default_rng(0).normal(size=16000) * 0.1).astype(np.float32)
    for a, b in zip(here.push(sound), there.push(sound), strict=True):
        assert a.index == b.index and np.array_equal(a.sound, b.sound)
        assert np.allclose(a.code, b.code, atol=1e-5)
        b = replace(b, code=a.code)
        assert np.array_equal(here.image(a), there.image(b))
        assert here.jpeg(a, 85) == there.jpeg(b, 85)
    there.close()
    with pytest.raises(RuntimeError, match="KeyError"):  # named, as it is no error of the project
        there.image(b)


def test_clients_speak_through_workers_at_once_and_the_server_tells_its_capacity(remote, workers):
    address, service = remote
    before = json.loads(get(f"http://{address}/api/capacity")[1])
    assert before["sessions"] == 0 and not before["draining"]
    with live(address) as one, live(address) as other:
        for socket in (one, other):
            socket.send(bytes(64000))
            shown = [m for m in until(socket, lambda kind, i, _: kind == 1 and i >= 40)]
            assert sum(kind == 2 for kind, _, _ in shown) > 5
        assert [len(w.places) for w in workers._workers] == [1, 1]
        wait_for(lambda: _measured(service))
        now = json.loads(get(f"http://{address}/api/capacity")[1])
        assert now["sessions"] == 2 and 0 < now["frame_ms"] < 1000
        assert now["more"] == service.free() <= 2
    eventually(lambda: not any(w.places for w in workers._workers))


def test_what_frames_cost_bounds_the_sessions(remote, workers, monkeypatch):
    """Two cores, 17 ms a frame: 85 % of them make four sessions. One can always begin."""
    _, service = remote
    wait_for(lambda: _idle(service))
    monkeypatch.setattr("audioplane.serve.workers.cores", lambda: 2)
    monkeypatch.setattr(workers, "answers", deque([(1.0, 1)] * 60))
    for seconds, able in ((0.010, 4), (0.005, 4), (0.040, 1), (0.100, 1)):
        for worker in workers._workers:
            times = {"draw": deque([seconds] * 30), "push": deque([0.0035] * 60)}
            monkeypatch.setattr(worker, "seconds", {**worker.seconds, **times})
            monkeypatch.setattr(worker, "frames", deque([0, 1] * 30))
        assert service.free() == able
    assert service.capacity().more == 1 and service.capacity().drawn_by_clients == 0
    service.take()
    assert service.capacity().more == 0
    service.give_back()


def test_the_death_of_a_worker_ends_its_sessions_and_no_others(remote, workers):
    address, _ = remote
    with live(address) as one, live(address) as other:
        for socket in (one, other):
            assert json.loads(socket.recv())["type"] == "hello"
        busy = [w for w in workers._workers if w.places]
        assert len(busy) == 2
        busy[0]._process.kill()
        ended, goes_on = 0, 0
        for socket in (one, other):
            try:
                socket.send(bytes(32000))
                until(socket, lambda kind, i, _: kind == 1 and i >= 60)
                goes_on += 1
            except ConnectionClosed as e:
                assert "has died" in str(e)
                ended += 1
        assert (ended, goes_on) == (1, 1)
    for stream in [workers.stream("drawn", None) for _ in range(2)]:  # it is replaced
        stream.close()
    with live(address) as again, live(address) as more:
        for socket in (again, more):
            until(socket, lambda kind, *_: kind == 2)


def test_what_passing_a_frame_on_costs_does_not_grow_once_another_client_has_left(
    workers, monkeypatch
):
    """A millisecond of this process's CPU time an answer."""
    clock, answers = (n / 1000 for n in itertools.count()), deque(maxlen=workers.answers.maxlen)
    monkeypatch.setattr("audioplane.serve.workers.time.process_time", lambda: next(clock))
    monkeypatch.setattr(workers, "answers", answers)
    for worker in workers._workers:
        monkeypatch.setattr(worker, "_answers", answers)
    one, other = (workers.stream("drawn", None) for _ in range(2))
    for _ in range(300):
        one.push(np.zeros(640, np.float32))
        other.push(np.zeros(640, np.float32))
    assert workers.frame_cost().passed_on == pytest.approx(0.001)
    other.close()
    for _ in range(1010):
        one.push(np.zeros(640, np.float32))
    assert workers.frame_cost().passed_on == pytest.approx(0.001)
    one.close()


def test_heads_that_nobody_uses_are_let_go_while_memory_is_short(source):
    short = False
    sources = [replace(source, name=name) for name in ("a", "b", "c")]
    heads = OpenHeads(sources, None, lambda: short)
    assert heads.names == []
    first, second = heads.open("a", None)[0], heads.open("b", None)[0]
    heads.close(first)
    assert heads.names == ["a", "b"]
    short = True
    third = heads.open("c", None)[0]
    assert heads.names == ["b", "c"]  # b is in use
    heads.close(second)
    heads.close(third)
    assert heads.names == []
    heads.open("a", None)  # and is opened again
    with pytest.raises(KeyError):
        heads.push(third, np.zeros(640, np.float32))


def test_memory_is_that_of_the_machine_or_of_its_container(tmp_path):
    machine, cgroup = tmp_path / "meminfo", tmp_path / "cgroup"
    cgroup.mkdir()
    assert not memory_is_short(machine, cgroup)  # nothing is known
    for available, used, inactive, is_short in (
        (9, 0, 0, True),
        (11, 89, 0, False),
        (11, 91, 0, True),
        (11, 100, 11, False),
    ):
        machine.write_text(f"MemTotal:     100 kB\nMemAvailable: {available} kB\nHugePages: 0\n")
        (cgroup / "memory.max").write_text("100\n")
        (cgroup / "memory.current").write_text(f"{used}\n")
        (cgroup / "memory.stat").write_text(f"anon 1\ninactive_file {inactive}\n")
        assert memory_is_short(machine, cgroup) is is_short
    (cgroup / "memory.max").write_text("max\n")
    assert not memory_is_short(machine, cgroup)


def test_torsos_are_decoded_once_for_all_processes(spoken_subject, source, tmp_path, monkeypatch):
    footage: Footage = source.open().animator.footage
    kept = [with_kept_torsos(footage, footage.loop, tmp_path / "x.torsos") for _ in range(2)]
    true = {ref.img_id: footage.plate(ref) for ref in footage.loop}
    first = footage.loop[0]
    assert np.array_equal(kept[0].torso(first), footage.torso(first))
    for ref in footage.loop:
        assert np.array_equal(kept[0].plate(ref), true[ref.img_id])

    def again(*_):
        raise AssertionError("decoded again")

    with monkeypatch.context() as patched:
        patched.setattr(type(footage), "torso", again)
        for ref in footage.loop:
            assert np.array_equal(kept[1].plate(ref), true[ref.img_id])
    ahead = with_kept_torsos(footage, footage.loop, tmp_path / "z.torsos")
    assert isinstance(ahead, KeptTorsos)
    with monkeypatch.context() as patched:
        patched.setattr("audioplane.serve.torsos.memory_is_short", lambda: True)
        ahead.decode_all()
        assert not ahead.there.any()
    thread = threading.Thread(target=ahead.decode_all)
    thread.start()
    thread.join()
    assert set(ahead.there.tolist()) == {1}
    monkeypatch.setattr("audioplane.serve.torsos.MOST_BYTES", 1000)
    assert with_kept_torsos(footage, footage.loop, tmp_path / "y.torsos") is footage


def test_torsos_for_which_there_is_no_room_are_decoded_anew(source, tmp_path, monkeypatch):
    """Writing into a sparse file on a full disk would end the process."""
    footage, full = source.open().animator.footage, shutil.disk_usage(tmp_path)._replace(free=1000)

    def allocate(*_):
        raise OSError(errno.ENOSPC, "no space left")

    with monkeypatch.context() as patched:
        patched.setattr(shutil, "disk_usage", lambda _: full)
        assert with_kept_torsos(footage, footage.loop, tmp_path / "x.torsos") is footage
    monkeypatch.setattr(os, "posix_fallocate", allocate, raising=False)
    for _ in range(2):  # a second worker comes to the same
        assert with_kept_torsos(footage, footage.loop, tmp_path / "y.torsos") is footage


def test_a_head_that_changed_since_it_was_stated_is_not_opened(source):
    origin = replace(source.provenance.origin, head="0" * 64)
    changed = replace(source, provenance=replace(source.provenance, origin=origin))
    with pytest.raises(CheckpointError, match="has changed: start the server again"):
        changed.open()


def test_the_background_alone_is_not_kept_frame_by_frame(spoken_subject, source, tmp_path):
    recorded = source.open().animator.footage
    modelled = replace(recorded, recorded=False)
    file = tmp_path / "x.torsos"
    assert with_kept_torsos(modelled, modelled.loop, file) is modelled and not file.exists()


def test_a_worker_that_died_says_so(source):
    workers = Workers([source], 1)
    stream = workers.stream("drawn", None)
    workers._workers[0]._process.kill()
    with pytest.raises(ServeError, match="has died"):
        for _ in range(500):
            stream.push(np.zeros(640, np.float32))
            time.sleep(0.01)
    stream.close()
    workers.close()


class OddError(Exception):
    """Cannot be made again from its arguments, as pickle does."""

    def __init__(self, what: str, why: str):
        super().__init__(what)


class OddSource(HeadSource):
    def open(self, torsos=None):
        raise OddError("no head", "today")


def test_an_error_that_cannot_be_sent_is_named(source):
    workers, raised = Workers([OddSource(**vars(source))], 1), []

    def ask() -> None:
        try:
            workers.stream("drawn", None)
        except Exception as e:
            raised.append(e)

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(60)
    workers.close()
    assert [str(e) for e in raised] == ["OddError: no head"]


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGTERM there")
def test_sigterm_lets_a_session_finish_and_takes_no_other(source, spoken_subject):
    """The command itself, in a session of its own; service managers signal its workers too."""
    command = [sys.executable, "-m", "audioplane", "serve", str(source.path), "--workers", "1"]
    command += ["--subject", str(spoken_subject.paths.root)]
    port = 8000 + os.getpid() % 20000
    command += ["--port", str(port)]
    server = subprocess.Popen(command, stderr=subprocess.DEVNULL, start_new_session=True)
    address = f"127.0.0.1:{port}"
    try:
        wait_for(lambda: urllib.request.urlopen(f"http://{address}/api/heads", timeout=5).close())
        with live(address, head=source.path.name) as socket:
            until(socket, lambda kind, *_: kind == 2)
            os.killpg(server.pid, signal.SIGTERM)
            wait_for(lambda: _draining(address))
            with live(address, head=source.path.name) as late:
                with pytest.raises(ConnectionClosed, match="too many sessions"):
                    late.recv()
            until(socket, lambda kind, i, _: kind == 1 and i >= 60)
            assert server.poll() is None
        assert server.wait(20) == 0
    finally:
        if server.poll() is None:
            server.kill()
        server.wait()


def _draining(address: str) -> None:
    facts = json.loads(get(f"http://{address}/api/capacity")[1])
    assert facts["draining"] and facts["more"] == 0 and facts["sessions"] == 1


def _measured(service) -> None:
    assert service.capacity().frame_ms is not None


def _idle(service) -> None:
    assert service.places == ROOMY.clients


def wait_for(work, seconds: float = 60.0) -> None:
    """Try until it works."""
    until = time.monotonic() + seconds
    while True:
        try:
            return work()
        except (OSError, AssertionError):
            if time.monotonic() > until:
                raise
            threading.Event().wait(0.1)
