"""How mouth, head, eyes and brows move while the synthetic subject speaks.

The mouth follows the dominance functions of Cohen and Massaro (1993): every phoneme pulls the
mouth towards its shape with a strength D that falls off with the distance in time,

    z(t) = Σ_s D_s(t) T_s / Σ_s D_s(t),   D_s(t) = g_s exp(−θ |t − c_s| beyond the phoneme's core),

T_s the phoneme's target, g_s its grip. Lips that must touch (p, b, m) close whatever z says.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.ndimage import gaussian_filter1d

from audioplane.clock import FPS
from audioplane.synthetic.phonemes import BILABIALS, PHONEMES, SILENCE
from audioplane.synthetic.script import TimedPhoneme

_RATE = 200
_THETA = 32.0
_FAR = 1.5
"""Seconds beyond which a phoneme's pull is less than what a float64 holds of the nearest one's."""
_BLOCK = 2000
"""Fine samples that are laid out at once: all together grow with the square of the length."""
_CLOSING = 0.055
_BLINK_SECONDS = 0.28
_GLANCE, _GLANCING = (14.0, 8.0), 0.7
"""Furthest glance beside the camera, degrees, and the share of them; otherwise the camera."""


@dataclass(frozen=True)
class Articulation:
    """The mouth, one row a frame (25 a second, row t at second (t + 0.5) / 25)."""

    jaw: Float[np.ndarray, " t"]
    """0 closed to 1 wide open."""
    width: Float[np.ndarray, " t"]
    """−1 narrow to 1 spread."""
    rounding: Float[np.ndarray, " t"]
    """0 to 1: corners drawn in, lips pushed forward."""
    upper: Float[np.ndarray, " t"]
    """0 to 1: upper lip raised off the teeth."""
    lower: Float[np.ndarray, " t"]
    """Lower lip: 1 up against the upper teeth, −1 drawn down."""
    tongue: Float[np.ndarray, " t"]
    """0 low to 1 at the palate."""
    press: Float[np.ndarray, " t"]
    """0 free to 1 lips pressed together."""

    def stack(self) -> Float[np.ndarray, "t 7"]:
        """All curves as columns, in the order above."""
        return np.stack(
            [
                self.jaw,
                self.width,
                self.rounding,
                self.upper,
                self.lower,
                self.tongue,
                self.press,
            ],
            -1,
        )


@dataclass(frozen=True)
class HeadMotion:
    """All that moves besides the mouth, one row a frame."""

    rotation: Float[np.ndarray, "t 3"]
    """Yaw (positive: to the image's right), pitch (positive: nods down), roll, radians."""
    translation: Float[np.ndarray, "t 3"]
    """Of the head against its rest, metres, camera axes."""
    blink: Float[np.ndarray, "t 2"]
    """0 open to 1 closed, image-left eye first."""
    brow: Float[np.ndarray, " t"]
    """0 at rest to 1 raised."""
    gaze: Float[np.ndarray, "t 2"]
    """Where the eyes look beside the camera, to the right and down, radians."""


@dataclass(frozen=True)
class Sway:
    """How the body moves, one row a frame."""

    rotation: Float[np.ndarray, "t 3"]
    """Yaw, pitch and roll about the waist, radians, signed as `HeadMotion.rotation`."""
    translation: Float[np.ndarray, "t 3"]
    """Against its rest, metres, camera axes."""


def _dominance(timed: list[TimedPhoneme], at: np.ndarray) -> np.ndarray:
    """D [phoneme, time]: the grip of every phoneme over time."""
    start = np.array([t.start for t in timed])[:, None]
    end = np.array([t.end for t in timed])[:, None]
    grip = np.array([PHONEMES[t.symbol].grip for t in timed])[:, None]
    # The core is the phoneme's middle 60 %; a long pause holds the mouth with all its length.
    margin = np.minimum(0.2 * (end - start), 0.03)
    distance = np.maximum(np.maximum(start + margin - at, at - end + margin), 0.0)
    return grip * np.exp(-_THETA * distance)


def _shape(timed: list[TimedPhoneme], at: np.ndarray) -> np.ndarray:
    """z [time, 6]: what the phonemes make of the mouth together."""
    targets = np.array([PHONEMES[t.symbol].shape for t in timed])
    targets[:, 0] *= [t.stress for t in timed]
    starts, ends = (np.array([getattr(t, edge) for t in timed]) for edge in ("start", "end"))
    rows = []
    for i in range(0, len(at), _BLOCK):
        block = at[i : i + _BLOCK]
        first = np.searchsorted(ends, block[0] - _FAR)
        last = np.searchsorted(starts, block[-1] + _FAR)
        weights = _dominance(timed[first:last], block)
        rows.append((weights.T @ targets[first:last]) / weights.sum(0)[:, None])
    return np.concatenate(rows)


def _press(timed: list[TimedPhoneme], at: np.ndarray) -> np.ndarray:
    """Lips pressed together: 1 all through p, b, m and pauses, with ramps at either side."""
    press = np.zeros(len(at))
    for t in timed:
        silent = t.symbol == SILENCE
        if t.symbol in BILABIALS or silent:
            inset = 0.12 if silent else 0.0
            start = t.start + (inset if t.start > 0 else 0.0)
            outside = np.maximum(np.maximum(start - at, at - (t.end - inset * 0.5)), 0.0)
            ramp = np.clip(1 - outside / _CLOSING, 0, 1)
            press = np.maximum(press, ramp * ramp * (3 - 2 * ramp))
    return press


def articulate(timed: list[TimedPhoneme], n_frames: int) -> Articulation:
    """Mouth movement of timed phonemes."""
    # Every fine sample is a column; a frame takes the mean of its middle two fifths, as an
    # exposure would.
    at = (np.arange(n_frames * _RATE // FPS) + 0.5) / _RATE
    rows = np.concatenate([_shape(timed, at), _press(timed, at)[:, None]], -1)
    rows = rows.reshape(n_frames, _RATE // FPS, 7)
    rows = rows[:, 3:5].mean(1)
    jaw, width, rounding, upper, lower, tongue, pressed = rows.T
    return Articulation(np.clip(jaw, 0, 1.2), width, rounding, upper, lower, tongue, pressed)


def _wander(rng: np.random.Generator, n: int, seconds: float, reach: float) -> np.ndarray:
    """Smooth noise of n frames that stays within ±reach."""
    sigma = seconds * FPS
    long = rng.standard_normal(n + int(8 * sigma))
    smooth = gaussian_filter1d(long, sigma)[int(4 * sigma) : int(4 * sigma) + n]
    # The standard deviation of smoothed white noise is (2 σ √π)^−1/2.
    return reach * np.tanh(0.75 * smooth * np.sqrt(2 * sigma * np.sqrt(np.pi)))


def _blinks(rng: np.random.Generator, n: int) -> np.ndarray:
    closed = np.zeros(n)
    at = (np.arange(n) + 0.5) / FPS
    moment = rng.uniform(0.6, 2.0)
    while moment < n / FPS:
        # Lids fall twice as fast as they rise.
        x = (at - moment) / _BLINK_SECONDS
        closed = np.maximum(closed, np.clip(np.minimum((x + 0.34) / 0.28, (0.7 - x) / 0.55), 0, 1))
        moment += rng.uniform(2.0, 4.5)
    return closed * closed * (3 - 2 * closed)


def move_head(n_frames: int, seed: int) -> HeadMotion:
    """Movement of head, lids and brows, which the sound says nothing about."""
    rng = np.random.default_rng([seed, 3])
    yaw, pitch, roll = (
        _wander(rng, n_frames, 0.75, np.radians(reach)) for reach in (12.0, 6.0, 4.0)
    )
    x, y, z = (_wander(rng, n_frames, 1.0, reach) for reach in (0.012, 0.005, 0.02))
    blink = _blinks(rng, n_frames)
    brow = np.clip(_wander(rng, n_frames, 0.4, 1.6), 0, 1)
    return HeadMotion(
        rotation=np.stack([yaw, pitch, roll], -1),
        translation=np.stack([x, y, z], -1),
        blink=np.stack([blink, blink], -1),
        brow=brow,
        gaze=glances(n_frames, seed),
    )


def glances(n_frames: int, seed: int) -> Float[np.ndarray, "t 2"]:
    """Eyes that jump from one place to another and rest there, right and down, radians."""
    rng = np.random.default_rng([seed, 5])
    gaze, first = np.zeros((n_frames, 2)), 0
    while first < n_frames:
        reach = np.radians(_GLANCE) * (rng.random() < _GLANCING)
        gaze[first:] = rng.uniform(-1, 1, 2) * reach
        first += int(FPS * rng.uniform(0.4, 1.6))
    return gaze


def sway(n_frames: int, seed: int) -> Sway:
    """Movement of the body, slower than that of the head, which it carries."""
    rng = np.random.default_rng([seed, 4])
    angles = [_wander(rng, n_frames, 1.3, np.radians(reach)) for reach in (5.0, 2.0, 2.5)]
    shifts = [_wander(rng, n_frames, 1.5, reach) for reach in (0.012, 0.005, 0.015)]
    return Sway(rotation=np.stack(angles, -1), translation=np.stack(shifts, -1))
