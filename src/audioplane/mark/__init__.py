"""The invisible mark in every driven frame: embedding, detection, payload."""

from audioplane.mark.detect import SHORTEST, THRESHOLD, MarkReading, read_mark
from audioplane.mark.embed import Marker
from audioplane.mark.pattern import MarkPayload

__all__ = ["SHORTEST", "THRESHOLD", "MarkPayload", "MarkReading", "Marker", "read_mark"]
