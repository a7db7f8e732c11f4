"""A trained head on disk: run folder, head file, pack."""

from audioplane.run.footage import Footage, SubjectFootage
from audioplane.run.head_file import TrainedHead, read_head, write_head
from audioplane.run.pack import pack
from audioplane.run.paths import RunPaths
from audioplane.run.run import Run, describe_run, open_run
from audioplane.run.tensors import load_tensors, save_tensors

__all__ = [
    "Footage",
    "Run",
    "RunPaths",
    "SubjectFootage",
    "TrainedHead",
    "describe_run",
    "load_tensors",
    "open_run",
    "pack",
    "read_head",
    "save_tensors",
    "write_head",
]
