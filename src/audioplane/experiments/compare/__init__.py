"""Videos of any system against one ground truth, by one protocol."""

from audioplane.experiments.compare.compare import Comparison, Entry, Tools, compare_videos
from audioplane.experiments.compare.page import comparison_page
from audioplane.experiments.compare.published import published
from audioplane.experiments.compare.report import to_json, to_table

__all__ = [
    "Comparison",
    "Entry",
    "Tools",
    "compare_videos",
    "comparison_page",
    "published",
    "to_json",
    "to_table",
]
