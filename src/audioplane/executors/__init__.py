"""What runs work on many items: this process, processes of this machine, a Ray cluster."""

from audioplane.executors.executor import Executor, Lost, complete
from audioplane.executors.local import LocalExecutor, SerialExecutor
from audioplane.executors.ray_cluster import RayExecutor

__all__ = ["Executor", "LocalExecutor", "Lost", "RayExecutor", "SerialExecutor", "complete"]
