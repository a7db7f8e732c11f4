"""Videos of any system against one ground truth, by one protocol."""

from audioplane.compare.compare import Comparison, Entry, Tools, compare_videos
from audioplane.compare.page import comparison_page
from audioplane.compare.published import published
from audioplane.compare.report import to_json, to_table

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
