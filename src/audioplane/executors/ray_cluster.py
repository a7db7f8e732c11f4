"""The executor of a Ray cluster: a task for each video, tried again where its machine is lost.

Ray tries a task again whose worker or node died (`max_retries`), on any node; a video that fails is
a result, not an exception, and is not tried again ("Task fault tolerance" in Ray's documentation).
That the fleet is to stop, tasks ask an actor of it: `ray.cancel` interrupts Python wherever it is,
and one interrupt that falls into a destructor is lost.
"""

import threading
from collections.abc import Iterable, Iterator
from typing import Any

from audioplane.errors import FleetError, InstallError, StoreError
from audioplane.executors.executor import Heard, Item, Lost, Result, Work
from audioplane.executors.local import CORES
from audioplane.machine import few_threads
from audioplane.progress import ignore

_IN_FLIGHT = 1_000
"""Tasks that wait in the cluster at most: enough to make an autoscaler grow it, few enough for the
driver's memory."""
_POLL = 1.0
"""Seconds between two looks at the request to stop."""
_PATIENCE = 30.0
"""Seconds that a task waits for the actor to answer, before it asks again."""


class RayExecutor:
    """Runs work as tasks of a Ray cluster.

    Every node needs audioplane, the model files and, for the store, its package and keys.
    """

    def __init__(
        self,
        address: str | None = None,
        cpus: int = CORES,
        gpus: float = 0.0,
        retries: int = 3,
    ):
        """Connects to a cluster, or starts one on this machine.

        Args:
            address: "auto" for the cluster that this machine belongs to, `ray://host:10001`, or
                None for whatever RAY_ADDRESS names, else this machine alone.
            cpus: Of each video, and threads of its libraries.
            gpus: Of each video; a fraction shares one.
            retries: How often a video is tried again whose machine or store failed.

        Raises:
            InstallError: Ray is not installed.
            FleetError: The cluster cannot be reached, or a video would get no CPU.
        """
        if cpus < 1 or gpus < 0:
            raise FleetError(f"cpus={cpus} and gpus={gpus:g}: choose 1 or more, and 0 or more")
        self._ray = _require_ray()
        self._cpus, self._gpus, self._retries = cpus, gpus, retries
        if not self._ray.is_initialized():
            try:
                self._ray.init(address=address, log_to_driver=False, logging_level="warning")
            except (ConnectionError, RuntimeError, ValueError) as e:
                raise FleetError(f"ray_address={address or ''}: no cluster there ({e})") from e

    @property
    def slots(self) -> int:
        """Videos that the cluster, as it is now, works on at once."""
        have = self._ray.cluster_resources()
        by_gpu = have.get("GPU", 0) / self._gpus if self._gpus else float("inf")
        return max(1, int(min(have.get("CPU", 0) / self._cpus, by_gpu)))

    def run(
        self,
        work: Work[Item, Result],
        items: Iterable[Item],
        heard: Heard[Item],
        stop: threading.Event,
    ) -> Iterator[tuple[Item, Result | Lost]]:
        """See `Executor.run`. That a video was begun is all that is heard of its progress, once it
        ends; the store tells more."""
        ray, queue = self._ray, iter(items)
        sign = ray.remote(num_cpus=0, max_restarts=-1)(_Sign).remote()
        task = ray.remote(
            num_cpus=self._cpus,
            num_gpus=self._gpus,
            max_retries=self._retries,
            retry_exceptions=[StoreError],
            runtime_env={"env_vars": few_threads(self._cpus)},
        )(_work)
        pending: dict[Any, Item] = {}
        try:
            while True:
                while len(pending) < _IN_FLIGHT and not stop.is_set():
                    item = next(queue, None)
                    if item is None:
                        break
                    pending[task.remote(work, item, sign)] = item
                if stop.is_set():
                    sign.show.remote()  # every time: an actor that was restarted has forgotten it
                if not pending:
                    return
                ready, _ = ray.wait(list(pending), timeout=_POLL)
                for reference in ready:
                    item = pending.pop(reference)
                    result = self._result(reference)
                    if result is not None:
                        yield item, result
        finally:
            for reference in pending:
                ray.cancel(reference)
            ray.kill(sign)

    def _result(self, reference: Any) -> Any:
        """What a task returned; None where it was told to stop before it began."""
        try:
            return self._ray.get(reference)
        except self._ray.exceptions.RayError as e:
            return Lost(str(e).strip().splitlines()[-1])


def _require_ray() -> Any:
    try:
        import ray  # pyright: ignore[reportMissingImports]
        import ray.exceptions  # pyright: ignore[reportMissingImports]
    except ImportError as e:
        raise InstallError('Ray is not installed: pip install "audioplane[ray]"') from e
    return ray


class _Sign:
    """An actor of the fleet that knows whether its work is to stop."""

    def __init__(self):
        self._shown = False

    def show(self) -> None:
        self._shown = True

    def shown(self) -> bool:
        return self._shown


def _work(work: Work, item: Any, sign: Any) -> Any:
    """One item, on whatever node Ray chose; None where it is to stop before it began."""
    stop, ended = threading.Event(), threading.Event()
    if _is_shown(sign):
        return None
    watcher = threading.Thread(target=_watch, args=(sign, stop, ended), daemon=True)
    watcher.start()
    try:
        return work(item, ignore, stop)
    finally:
        ended.set()


def _watch(sign: Any, stop: threading.Event, ended: threading.Event) -> None:
    """Set `stop` once the sign is shown, until the work ended."""
    while not ended.wait(_POLL):
        if _is_shown(sign):
            stop.set()
            return


def _is_shown(sign: Any) -> bool:
    """Whether work is to stop; an actor that cannot be asked now has not said so."""
    ray = _require_ray()
    try:
        return ray.get(sign.shown.remote(), timeout=_PATIENCE)
    except (ray.exceptions.GetTimeoutError, ray.exceptions.RayActorError):
        return False
