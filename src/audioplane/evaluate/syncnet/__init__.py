"""SyncNet: do lips and sound belong together? The authors' network and pipeline."""

from audioplane.evaluate.syncnet.network import SyncNet
from audioplane.evaluate.syncnet.scores import SyncScores, sync_scores
from audioplane.evaluate.syncnet.tracks import Shots, ShotWatcher, watch

__all__ = ["ShotWatcher", "Shots", "SyncNet", "SyncScores", "sync_scores", "watch"]
