"""The figures of a clip on which the verdict rests."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool

from audioplane.face.shots import Look, background
from audioplane.media.video import VideoInfo
from audioplane.preflight.overlay import Overlay
from audioplane.preflight.sample import Sample, SampledFace
from audioplane.preflight.sound import SoundFigures
from audioplane.preflight.sync import NOTICEABLE, Offset

_FARTHEST = 60.0
"""Degrees of yaw beyond which half the face is hidden."""
_BLURRED = 0.6
"""Fraction of the clip's median sharpness below which a frame counts as blurred by motion."""
_CHANGED = 25
"""Difference of the background from its median that counts as a change, grey levels."""


@dataclass(frozen=True)
class Spread:
    """The usual range of a quantity."""

    low: float
    """2nd percentile."""
    middle: float
    high: float
    """98th percentile."""

    @staticmethod
    def of(values: list[float]) -> "Spread":
        """Of at least one value."""
        return Spread(*(float(v) for v in np.percentile(values, [2, 50, 98])))

    @property
    def range(self) -> float:
        """Between the two ends."""
        return self.high - self.low


@dataclass(frozen=True)
class FaceFigures:
    """Figures of the frames that show a face."""

    height: float
    """Median, chin to forehead, source pixels."""
    yaw: Spread
    """Degrees, as `HeadTurn`."""
    pitch: Spread
    roll: Spread
    sharpness: float
    """Median, see `SampledFace`."""
    blurred: float
    """Share of frames that are much less sharp than the median."""
    light: float
    """Median brightness of the face, 0–255."""
    clipped: float
    """Median share of the face without detail, black or white."""
    aperture: Spread
    background_changes: float
    """Share of the background that differs from its median, mean over frames."""

    @staticmethod
    def of(sample: Sample) -> "FaceFigures | None":
        """None without a face."""
        faces = sample.faces()
        if not faces:
            return None
        sharp = np.array([f.sharpness for f in faces])
        return FaceFigures(
            height=float(np.median([f.height for f in faces])),
            yaw=Spread.of([f.turn.yaw for f in faces]),
            pitch=Spread.of([f.turn.pitch for f in faces]),
            roll=Spread.of([f.turn.roll for f in faces]),
            sharpness=float(np.median(sharp)),
            blurred=float((sharp < _BLURRED * np.median(sharp)).mean()),
            light=float(np.median([f.light for f in faces])),
            clipped=float(np.median([f.clipped for f in faces])),
            aperture=Spread.of([f.aperture for f in faces]),
            background_changes=_background_changes(sample.looks),
        )


@dataclass(frozen=True)
class ClipFigures:
    """Figures of a whole clip."""

    seconds: float
    """0 where the file does not state it."""
    fps: float
    width: int
    height: int
    looked_at: int
    """Sampled frames."""
    usable: float
    """Share of them that show the whole face, not turned too far."""
    people: int
    face: FaceFigures | None
    sound: SoundFigures | None
    """None without a sound track."""
    offset: float | None
    """Seconds by which the sound comes after the first image; None where it cannot be measured."""
    offset_correlation: float | None
    offset_believed: bool
    offset_growth: float = 0.0
    """Seconds by which it grows in a second."""
    quarter_turns: int = 0
    """Counterclockwise, that bring the face upright."""
    covered: float = 0.0
    """Share of the sampled frames in which something covers the mouth."""
    speaker_chosen: bool = False
    """Whether the one that speaks was found among several faces."""
    overlay: Overlay | None = None
    """What stands still over the person."""
    interlaced: bool = False
    missing: float = 0.0
    """These two: see `VideoInfo`."""

    @property
    def out_of_step(self) -> bool:
        """Whether the sound has to be moved to its images."""
        late = self.offset is not None and abs(self.offset) > NOTICEABLE
        return self.offset_believed and (late or self.offset_growth != 0)

    @staticmethod
    def of(
        info: VideoInfo, sample: Sample, sound: SoundFigures | None, offset: Offset | None
    ) -> "ClipFigures":
        """Combine the measurements."""
        usable = sum(map(_is_usable, sample.faces()))
        return ClipFigures(
            seconds=info.duration,
            fps=info.fps,
            width=info.width,
            height=info.height,
            looked_at=len(sample.frames),
            usable=usable / max(1, len(sample.frames)),
            people=sample.people,
            face=FaceFigures.of(sample),
            sound=sound,
            offset=None if offset is None else offset.seconds,
            offset_correlation=None if offset is None else offset.correlation,
            offset_believed=offset is not None and offset.believed,
            offset_growth=0.0 if offset is None else offset.growth,
            quarter_turns=sample.first_look.quarter_turns,
            covered=sample.covered / max(1, len(sample.frames)),
            speaker_chosen=sample.first_look.speaker is not None,
            overlay=sample.overlay,
            interlaced=info.interlaced,
            missing=info.missing,
        )


def _is_usable(face: SampledFace) -> bool:
    return face.inside and abs(face.turn.yaw) < _FARTHEST


def _background_changes(looks: list[Look]) -> float:
    """Moving cameras, passers-by and cuts to other scenes."""
    usual, seen = background(looks)
    if not seen.any():
        return 0.0
    away = [np.abs(look.thumbnail - usual).max(-1) > _CHANGED for look in looks]
    shares = [_share(a, seen & ~look.person_zone()) for a, look in zip(away, looks, strict=True)]
    return float(np.mean(shares))


def _share(changed: Bool[np.ndarray, "h w"], where: Bool[np.ndarray, "h w"]) -> float:
    return float(changed[where].mean()) if where.any() else 0.0
