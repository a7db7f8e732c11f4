"""How good a head is: image metrics, lip sync, reports and contact sheets."""

from audioplane.evaluate.evaluate import (
    evaluate_frames,
    evaluate_head,
    evaluate_speech_drive,
    example_frames,
)
from audioplane.evaluate.figures.contact_sheet import SheetRow, contact_sheet
from audioplane.evaluate.mouth.reader import MouthReader
from audioplane.evaluate.mouth.view import open_mouth_views
from audioplane.evaluate.report import EvaluationReport, FrameScores, RegionScores
from audioplane.evaluate.scores.lips import LipScores, MouthTrack, correlation, landmark_distance
from audioplane.evaluate.scores.metrics import l1, psnr, ssim

__all__ = [
    "EvaluationReport",
    "FrameScores",
    "LipScores",
    "MouthReader",
    "MouthTrack",
    "RegionScores",
    "SheetRow",
    "contact_sheet",
    "correlation",
    "evaluate_frames",
    "evaluate_head",
    "evaluate_speech_drive",
    "example_frames",
    "l1",
    "landmark_distance",
    "open_mouth_views",
    "psnr",
    "ssim",
]
