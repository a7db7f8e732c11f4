"""SyncNet: do lips and sound belong together? The authors' network and pipeline."""

from audioplane.evaluate.syncnet.held_out import SYNCNET_NOTE, held_out_sync
from audioplane.evaluate.syncnet.network import SyncNet
from audioplane.evaluate.syncnet.scores import SyncScores, sync_scores
from audioplane.evaluate.syncnet.tracks import Shots, ShotWatcher, watch

__all__ = [
    "SYNCNET_NOTE",
    "ShotWatcher",
    "Shots",
    "SyncNet",
    "SyncScores",
    "held_out_sync",
    "sync_scores",
    "watch",
]
