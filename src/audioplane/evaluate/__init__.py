"""Evaluation: scores of a head's held-out frames, and a page that shows them.

`evaluate` scores a run. Below it: `heldout` renders and scores frames, `scores` holds the metrics,
`mouth` reads mouths off images, `syncnet` is the original pipeline, `figures` and `page` show the
results.
"""

from audioplane.evaluate.report import Evaluation, FrameScores, RegionScores, ScoreReport
from audioplane.evaluate.run import evaluate
from audioplane.evaluate.tools import Tools

__all__ = ["Evaluation", "FrameScores", "RegionScores", "ScoreReport", "Tools", "evaluate"]
