"""A real Ray cluster of two worker nodes and a real S3 server, both on loopback."""

import builtins
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import numba
import pytest
import torch

from audioplane.errors import InstallError
from audioplane.executors import complete
from audioplane.executors.ray_cluster import RayExecutor
from audioplane.fleet import Entry, FleetOptions, Store, fleet_status, run_fleet
from audioplane.fleet.state import read_state
from tests.fleet.simulated import STEPS
from tests.fleet.small_heads import TRAIN, SlowTrainStep, UnpackStep
from tests.fleet.test_steps import true_head, video

__all__ = ["true_head", "video"]

MEMORY = 100_000_000
"""Bytes of each node's object store: no task returns much."""
# Ray leaves sockets and log files to the collector, and warns of its own future.
pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="ends nodes by what /proc says"),
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.timeout(180),
]


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    """The address of an S3 server with a bucket `fleets`, and the environment to use it."""
    pytest.importorskip("s3fs", reason="s3fs is not installed")
    pytest.importorskip("moto.server", reason="moto's server is not installed")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(300):
            try:
                urllib.request.urlopen(address, timeout=1).close()
                break
            except OSError:
                time.sleep(0.1)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("AWS_ENDPOINT_URL", address)
            patch.setenv("AWS_ACCESS_KEY_ID", "test")
            patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
            patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
            import s3fs

            s3fs.S3FileSystem().mkdir("fleets")
            yield address
    finally:
        server.terminate()
        server.wait(10)


@pytest.fixture(scope="module")
def cluster(s3):
    """A cluster whose head does no work; nodes are added by the tests."""
    pytest.importorskip("ray", reason="Ray is not installed")
    from ray.cluster_utils import Cluster

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_health_check_period_ms", "500")
        patch.setenv("RAY_health_check_failure_threshold", "4")
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        import ray

        started = Cluster(
            initialize_head=True,
            head_node_args={
                "num_cpus": 0,
                "include_dashboard": False,
                "node_ip_address": address(1),
                "object_store_memory": MEMORY,
            },
        )
        patch.setattr(builtins, "print", print)  # which Ray exchanges
        try:
            ray.init(address=started.address, _node_ip_address=address(1), log_to_driver=False)
            yield started
        finally:
            ray.shutdown()
            started.shutdown()


def threads(item, report, stop):
    return numba.get_num_threads(), torch.get_num_threads()


def address(number: int) -> str:
    """A loopback address of a node's own: Ray takes 127.0.0.1 for the machine's public one."""
    return f"127.0.0.{1 + number}"


def with_nodes(cluster, count: int) -> None:
    """See to it that so many nodes work."""
    taken = {node.node_ip_address for node in cluster.worker_nodes}
    free = (address(i) for i in range(2, 9) if address(i) not in taken)
    while len(cluster.worker_nodes) < count:
        cluster.add_node(num_cpus=2, node_ip_address=next(free), object_store_memory=MEMORY)


def raylet_of(node) -> int:
    """Process id of a node's raylet, the parent of its workers."""
    return node.all_processes["raylet"][0].process.pid


def kill_node_of(cluster, worker: int) -> None:
    """End the node on which a worker runs, and the worker, by their ids and without notice."""
    status = Path(f"/proc/{worker}/status").read_text()
    parent = int(status.partition("PPid:")[2].split()[0])
    node = next(n for n in cluster.worker_nodes if raylet_of(n) == parent)
    processes = [info.process.pid for kind in node.all_processes.values() for info in kind]
    for pid in (*processes, worker):
        os.kill(pid, signal.SIGKILL)
    # Its other workers end once it is gone; while nobody asks for its exit code, it is there.
    for info in (info for kind in node.all_processes.values() for info in kind):
        info.process.wait(10)
    cluster.worker_nodes.discard(node)


def test_a_training_goes_on_on_another_node_with_the_same_bits(
    cluster, s3, video, true_head, tmp_path
):
    """The node that trains is killed after a checkpoint reached the store."""
    store = Store("s3://fleets/heads")
    slow = SlowTrainStep(TRAIN.configs, seconds=0.5)
    options = FleetOptions(
        scratch=tmp_path / "scratch", device="cpu", sync_every=0.0, steps=(UnpackStep(), slow)
    )
    with_nodes(cluster, 2)
    killed = []

    def kill_once_there_is_a_checkpoint() -> None:
        for _ in range(600):
            state = read_state(store, "ann")
            folders = store.list("heads/ann/checkpoint")
            if state and folders:
                killed.append(int(state.worker.partition(":")[2]))
                kill_node_of(cluster, killed[0])
                return
            time.sleep(0.1)

    killer = threading.Thread(target=kill_once_there_is_a_checkpoint)
    killer.start()
    result = run_fleet([Entry(str(video), "ann")], store, executor=RayExecutor(), options=options)
    killer.join()
    assert result.count("done") == 1, result.outcomes
    state = read_state(store, "ann")
    assert killed and state.worker != f"{socket.gethostname()}:{killed[0]}"
    # The preparation was not done again, and the training only from its checkpoint on.
    assert result.outcomes[0].steps == ("train",)
    assert store.read("heads/ann/run/head.safetensors") == true_head


def test_bad_videos_are_not_tried_again_and_lost_workers_are(cluster, s3, tmp_path):
    store = Store("s3://fleets/simulated")
    options = FleetOptions(scratch=tmp_path / "scratch", steps=STEPS)
    with_nodes(cluster, 1)
    texts = {"good": "good", "bad": "bad at train"}
    for name, deaths in (("dies", 1), ("dead", 9)):
        marks = tmp_path / f"marks-{name}"
        marks.mkdir()
        texts[name] = f"dies at train\n{marks}\n{deaths}"
    for name, text in texts.items():
        (tmp_path / f"{name}.mp4").write_text(text)
    entries = [Entry(str(tmp_path / f"{name}.mp4"), name) for name in texts]
    result = run_fleet(entries, store, executor=RayExecutor(cpus=1, retries=1), options=options)
    stages = {o.name: o.stage for o in result.outcomes}
    assert stages == {"good": "done", "bad": "failed", "dies": "done", "dead": "lost"}
    assert len(list((tmp_path / "marks-dead").iterdir())) == 2
    assert fleet_status(store).failures["PrepareError"][0].name == "bad"
    assert not run_fleet(entries[:3], store, executor=RayExecutor(), options=options).outcomes
    # Though these read their number of threads as they are imported, with the work.
    assert dict(complete(RayExecutor(cpus=1), threads, [0], str, print)) == {0: (1, 1)}


def test_a_stopped_fleet_goes_on_later(cluster, s3, tmp_path):
    store = Store("s3://fleets/stopped")
    options = FleetOptions(scratch=tmp_path / "scratch", steps=STEPS, sync_every=0.0)
    with_nodes(cluster, 1)
    (tmp_path / "a.mp4").write_text("waits at train")
    entry, stop = Entry(str(tmp_path / "a.mp4"), "a"), threading.Event()

    def stop_in_training() -> None:
        for _ in range(600):
            state = read_state(store, "a")
            if state and state.at.startswith("train"):
                break
            time.sleep(0.1)
        stop.set()

    stopper = threading.Thread(target=stop_in_training)
    stopper.start()
    run_fleet([entry], store, executor=RayExecutor(), options=options, stop=stop)
    stopper.join()
    assert read_state(store, "a").stage == "stopped"
    (tmp_path / "a.mp4").write_text("a")
    again = run_fleet([entry], store, executor=RayExecutor(), options=options)
    assert again.count("done") == 1


def test_without_ray_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(InstallError, match=r"audioplane\[ray\]"):
        RayExecutor()
