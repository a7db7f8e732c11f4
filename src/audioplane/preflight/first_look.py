"""Orientation and speaker of a video, determined before it is measured."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from audioplane.clock import SAMPLE_RATE, spread_over
from audioplane.face.finder import FaceFinder
from audioplane.face.head_axes import head_turn
from audioplane.face.landmarker import Face, Landmarker, to_68
from audioplane.face.regions import mouth_aperture
from audioplane.media.video import read_frames
from audioplane.preflight.sync import Stretch, estimate_offset

_LOOKS = 3
"""Frames from which orientation and number of people are determined."""
_SPEAKS = 0.4
"""Fraction of the largest mouth motion below which a mouth is not the speaker's."""
_STILL = 0.01
"""Standard deviation of the aperture below which a mouth is not speaking."""
_CLEARER = 0.15
"""Lead in correlation with the voice for which a smaller face is preferred to a larger one."""
_TURNS = (None, cv2.ROTATE_90_COUNTERCLOCKWISE, cv2.ROTATE_180, cv2.ROTATE_90_CLOCKWISE)

Spans = list[tuple[int, int]]
"""First and last (exclusive) frames of stretches of a video."""


@dataclass(frozen=True)
class FirstLook:
    """Orientation and speaker."""

    quarter_turns: int = 0
    """Counterclockwise, that bring the face upright: 0 to 3."""
    speaker: tuple[float, float] | None = None
    """Centre of the face that speaks, pixels of the turned image; None: the largest is taken."""


def read_upright(
    video: Path, fps: int, quarter_turns: int = 0, first: int = 0, end: int | None = None
) -> Iterator[UInt8[np.ndarray, "h w 3"]]:
    """`read_frames`, each image turned counterclockwise by so many quarter turns."""
    images = read_frames(video, fps, first, end)
    return images if not quarter_turns else (turned(image, quarter_turns) for image in images)


def turned(image: UInt8[np.ndarray, "h w 3"], quarter_turns: int) -> UInt8[np.ndarray, "a b 3"]:
    """An image turned counterclockwise."""
    how = _TURNS[quarter_turns]
    return image if how is None else cv2.rotate(image, how)


def look_first(
    video: Path,
    rate: int,
    spans: Spans,
    landmarker: Landmarker,
    waveform: Float[np.ndarray, " n"] | None,
) -> FirstLook:
    """Determine orientation and speaker.

    Args:
        video: the file.
        rate: frames a second that `spans` count.
        spans: stretches of the video to use.
        landmarker: for single images and several faces.
        waveform: its sound, 16 kHz; None without.
    """
    finder = FaceFinder(landmarker)
    middles = [spans[i][0] + (spans[i][1] - spans[i][0]) // 2 for i in spread_over(len(spans), 3)]
    if len(spans) < _LOOKS:
        first, end = spans[0]
        middles = [first + int(i) for i in spread_over(end - first, _LOOKS + 2)[1:-1]]
    images = [next(read_frames(video, rate, i, i + 1), None) for i in middles]
    images = [image for image in images if image is not None]
    turns = find_quarter_turns(images, finder)
    if all(len(finder.whole(turned(image, turns))) < 2 for image in images):
        return FirstLook(turns)
    return FirstLook(turns, _find_speaker(video, rate, spans, turns, finder, waveform))


def find_quarter_turns(images: list[UInt8[np.ndarray, "h w 3"]], finder: FaceFinder) -> int:
    """Counterclockwise quarter turns that most views of a face vote for.

    Each image is searched in all four orientations: a landmarker may take an upside-down face for
    an upright one, but not one that lies on its side.
    """
    votes = np.zeros(4, int)
    for image in images:
        for turns in range(4):
            for face in finder.whole(turned(image, turns))[:1]:
                roll = head_turn(face.points).roll
                votes[(turns + round(roll / 90)) % 4] += 1
    best = int(votes.argmax())
    return best if votes[best] > votes.sum() / 2 else 0


@dataclass
class _Person:
    """A face that stays about where it is."""

    faces: list[Face]
    seen: list[tuple[int, int]]
    """Stretch and frame number of each."""

    def aperture(self) -> Float[np.ndarray, " t"]:
        return np.array([float(mouth_aperture(to_68(f.points))) for f in self.faces])

    def height(self) -> float:
        return float(np.median([f.height for f in self.faces]))

    def agreement(self, rate: int, waveform: Float[np.ndarray, " n"]) -> float:
        """Correlation of mouth and voice at the best offset; 0 for too few frames."""
        aperture = self.aperture()
        stretches = []
        for k in sorted({k for k, _ in self.seen}):
            rows = [i for i, (stretch, _) in enumerate(self.seen) if stretch == k]
            times = np.array([(self.seen[i][1] + 0.5) / rate for i in rows])
            stretches.append(Stretch(times, aperture[rows]))
        offset = estimate_offset(stretches, waveform)
        return 0.0 if offset is None else offset.correlation


def _find_speaker(
    video: Path,
    rate: int,
    spans: Spans,
    turns: int,
    finder: FaceFinder,
    waveform: Float[np.ndarray, " n"] | None,
) -> tuple[float, float] | None:
    """The largest face whose mouth moves, or a smaller one that fits the voice better."""
    people: list[_Person] = []
    for stretch, (first, end) in enumerate(spans):
        for number, image in enumerate(read_upright(video, rate, turns, first, end), start=first):
            for face in finder.whole(image):
                known = (p for p in people if _same_place(p.faces[-1], face))
                person = next(known, None)
                if person is None:
                    person = _Person([], [])
                    people.append(person)
                person.faces.append(face)
                person.seen.append((stretch, number))
    most = max((len(p.faces) for p in people), default=0)
    people = [p for p in people if 2 * len(p.faces) >= most]
    motion = [float(p.aperture().std()) for p in people]
    if len(people) < 2 or max(motion) < _STILL:
        return None
    moving = [p for p, m in zip(people, motion, strict=True) if m > _SPEAKS * max(motion)]
    moving.sort(key=lambda p: -p.height())
    best = moving[0]
    if waveform is not None and len(moving) > 1 and len(waveform) > SAMPLE_RATE:
        scores = [p.agreement(rate, waveform) for p in moving]
        top = int(np.argmax(scores))
        best = moving[top] if scores[top] > scores[0] + _CLEARER else best
    centre = np.median([f.centre for f in best.faces], axis=0)
    return float(centre[0]), float(centre[1])


def _same_place(known: Face, face: Face) -> bool:
    return bool(np.linalg.norm(known.centre - face.centre) < 0.5 * max(known.height, face.height))
