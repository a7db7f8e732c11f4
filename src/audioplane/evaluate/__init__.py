"""How good a head is: image metrics, lip sync, reports and contact sheets."""

from audioplane.evaluate.contact_sheet import SheetRow, contact_sheet
from audioplane.evaluate.evaluate import (
    evaluate_frames,
    evaluate_head,
    evaluate_speech_drive,
    example_frames,
)
from audioplane.evaluate.lips import LipScores, MouthTrack, correlation, landmark_distance
from audioplane.evaluate.metrics import l1, psnr, ssim
from audioplane.evaluate.mouth_reader import MouthReader
from audioplane.evaluate.mouth_view import open_mouth_views
from audioplane.evaluate.report import EvaluationReport, FrameScores, RegionScores

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
