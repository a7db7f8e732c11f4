"""How a fleet grows: simulated videos, whose steps write a small file (docs/performance.md).

python -m tests.fleet.scale 10000 --store DIR|s3://bucket/x [--executor local|ray|here]
"""

import argparse
import json
import resource
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np

from audioplane.executors import SerialExecutor
from audioplane.fleet import (
    FleetOptions,
    LocalExecutor,
    RayExecutor,
    Store,
    fleet_status,
    plan_fleet,
    run_fleet,
)
from audioplane.fleet.page import fleet_page
from audioplane.media.image import encode_image
from tests.fleet.simulated import STEPS

EXECUTORS = {"here": SerialExecutor, "local": LocalExecutor, "ray": RayExecutor}


class Requests:
    """Counts the requests of botocore's sessions of this process, by operation."""

    def __init__(self, store: Store):
        self.counts: Counter[str] = Counter()
        if "s3" in store._fs.protocol:
            store._fs.connect()
            events = store._fs._s3.meta.events
            events.register("before-call.s3", self._count)

    def _count(self, model, **_) -> None:
        self.counts[model.name] += 1

    def taken(self) -> dict[str, int]:
        """Since it was last asked."""
        counts, self.counts = dict(self.counts), Counter()
        return counts


def main() -> None:
    """Run once from nothing and once more, ask for status and page, print figures as JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("videos", type=int)
    parser.add_argument("--store", required=True)
    parser.add_argument("--executor", choices=EXECUTORS, default="local")
    given = parser.parse_args()
    store, folder = Store(given.store), Path(tempfile.mkdtemp())
    requests, figures = Requests(store), {}
    with (folder / "list.csv").open("w") as file:
        file.write("video\n")
        for i in range(given.videos):
            (folder / f"v{i}.mp4").write_text(f"v{i}")
            file.write(f"v{i}.mp4\n")
    options = FleetOptions(scratch=folder / "scratch", steps=STEPS)
    executor = EXECUTORS[given.executor]()

    def lap(name: str, work) -> object:
        before, result = time.perf_counter(), work()
        figures[name] = round(time.perf_counter() - before, 2)
        asked = requests.taken()
        if asked:
            figures[f"{name}: requests"] = asked
        figures[f"{name}: driver MB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
        return result

    manifest = folder / "list.csv"
    lap("plan of nothing done", lambda: plan_fleet(manifest, store, options))
    run = lap("run", lambda: run_fleet(manifest, store, executor=executor, options=options))
    assert run.count("done") == given.videos
    figures["ms a video"] = round(1000 * figures["run"] / given.videos, 2)
    again = lap("run with nothing to do", lambda: run_fleet(manifest, store, options=options))
    assert not again.outcomes
    status = lap("status", lambda: fleet_status(store))
    assert status.counts == {"done": given.videos}
    noise = np.random.default_rng(0).integers(0, 255, (8, 16, 3)).astype(np.uint8)
    picture = encode_image(noise.repeat(16, 0).repeat(16, 1), ".jpg", 85)
    for i in range(min(given.videos, 1000)):
        store.write(f"heads/v{i}/preview.jpg", picture)
    requests.taken()
    page = lap("page", lambda: fleet_page(store))
    figures["page MB"] = round(len(page) / 1e6, 1)
    print(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
