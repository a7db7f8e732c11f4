"""A server with one small head, in a thread of this process."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from urllib.request import urlopen

import pytest

pytest.importorskip("fastapi", reason="needs the extra serve")
pytest.importorskip("uvicorn", reason="needs the extra serve")

from audioplane.credentials import Origin, Provenance, own_test_signer  # noqa: E402
from audioplane.credentials.provenance import utc_now  # noqa: E402
from audioplane.drive import Talker  # noqa: E402
from audioplane.run import Run, open_run  # noqa: E402
from audioplane.serve.access import Access  # noqa: E402
from audioplane.serve.app import make_app  # noqa: E402
from audioplane.serve.heads import Heads, ServedHead, open_head  # noqa: E402
from audioplane.serve.limits import Limits  # noqa: E402
from audioplane.serve.protocol import server_config  # noqa: E402
from audioplane.web.drawing import check_drawing, write_drawing  # noqa: E402
from tests.run.made import make_modelled_run, make_run  # noqa: E402

KEY = b"\x5a" * 32
LIMITS, ANYBODY = Limits(), Access()


def stated() -> Provenance:
    """The provenance of the synthetic head."""
    origin = Origin("0000000b" * 8, "00000000", True, "", "drawn; no person", utc_now())
    return Provenance(origin, KEY, own_test_signer())


@pytest.fixture(scope="session")
def served(spoken_subject, tmp_path_factory):
    """An untrained head of the synthetic subject, named "drawn"."""
    folder = make_run(tmp_path_factory.mktemp("runs") / "drawn", spoken_subject)
    talker = Talker(open_run(folder, spoken_subject.paths.root))
    return open_head(talker, stated())


@pytest.fixture(scope="session")
def modelled(tmp_path_factory) -> Run:
    """The run of a head with a modelled torso, of 160 x 160 pixels."""
    return make_modelled_run(tmp_path_factory.mktemp("modelled"))


@pytest.fixture(scope="session")
def drawn_there(modelled, tmp_path_factory) -> ServedHead:
    """That head, which clients may draw."""
    folder = tmp_path_factory.mktemp("drawing")
    check_drawing(modelled, stated())
    write_drawing(modelled, modelled.footage, folder, "drawn; no person")
    return replace(open_head(Talker(modelled), stated()), drawing=folder)


def eventually(holds: Callable[[], object], seconds: float = 20.0) -> None:
    """Wait until it holds: busy machines keep nobody's time."""
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until, f"not within {seconds} s"
        time.sleep(0.01)


def sessions(address: str) -> int:
    """How many this server says are at work."""
    with urlopen(f"http://{address}/api/capacity") as reply:
        return json.load(reply)["sessions"]


@contextmanager
def running(app, limits: Limits = LIMITS, access: Access = ANYBODY) -> Iterator[str]:
    """Serve an application on a free port of loopback; its address without scheme."""
    import uvicorn

    server = uvicorn.Server(server_config(app, "127.0.0.1", 0, limits, access))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            time.sleep(0.01)
        yield f"127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


@contextmanager
def serving(heads, limits: Limits = LIMITS, access: Access = ANYBODY, webrtc=False):
    """Serve these heads; the address without scheme."""
    with running(make_app(heads, access, limits, webrtc), limits, access) as address:
        yield address


@pytest.fixture(scope="session")
def heads(served):
    heads = Heads([served])
    yield heads
    heads.drawing.shutdown()
