"""SyncNet, the agreement of lips and sound: the authors' network and pipeline."""

from audioplane.evaluate.syncnet.held_out import held_out_sync
from audioplane.evaluate.syncnet.judge import NO_SYNCNET, SYNCNET_NOTE, SyncJudge
from audioplane.evaluate.syncnet.network import SyncNet
from audioplane.evaluate.syncnet.scores import SyncScores, sync_scores
from audioplane.evaluate.syncnet.tracks import ShotFinder, Shots, find_shots

__all__ = [
    "NO_SYNCNET",
    "SYNCNET_NOTE",
    "ShotFinder",
    "Shots",
    "SyncJudge",
    "SyncNet",
    "SyncScores",
    "find_shots",
    "held_out_sync",
    "sync_scores",
]
