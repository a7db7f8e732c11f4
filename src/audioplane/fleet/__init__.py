"""Many videos to many heads, on one machine or a cluster; all state is files in one store."""

from audioplane.executors import Executor, LocalExecutor, Lost, RayExecutor
from audioplane.fleet.manifest import Entry, read_manifest
from audioplane.fleet.run import (
    FleetOptions,
    FleetProgress,
    FleetResult,
    plan_fleet,
    run_fleet,
)
from audioplane.fleet.status import FleetStatus, fleet_status
from audioplane.fleet.store import Store

__all__ = [
    "Entry",
    "Executor",
    "FleetOptions",
    "FleetProgress",
    "FleetResult",
    "FleetStatus",
    "LocalExecutor",
    "Lost",
    "RayExecutor",
    "Store",
    "fleet_status",
    "plan_fleet",
    "read_manifest",
    "run_fleet",
]
