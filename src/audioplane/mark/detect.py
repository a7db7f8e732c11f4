"""Detection of a mark in a cropped, scaled and re-encoded video, and its payload.

A window of frames is multiplied by a wave of the mark's period and summed: still parts cancel, the
mark's cells remain, as complex numbers rotated by one unknown phase. Other periods give the noise
of the image itself, cell by cell. Scale and position are searched for by correlation with the sync.

**False alarms.** The sync's values are random: each is one of 1, i, −1, −i. For cells y of any
image that does not depend on them, the score √2 |Σ conj(T) y| / |y| reaches t with a chance
of 16 exp(−0.481 t²) at most: in one direction exp(−t²/2) bounds the sum (Hoeffding), and 16
directions cover the circle but for cos²(π/16) = 0.962. Nothing is assumed about the image.
`threshold` keeps this chance, times the number of all places, tempos and windows, under 0.85e-6:
the longer the frames, the more places. The rest of one in a million is for false payloads: by the
same bound a score of 8 comes up in 4.4 files of 100 at most, and then 48 tries pass the check with
6e-8 each: 0.13e-6.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

import cv2
import numpy as np
from jaxtyping import Complex64, Float32, UInt8

from audioplane.clock import FPS
from audioplane.mark.code import decode
from audioplane.mark.grid import LARGEST, SMALLEST, Place, n_places, nearest
from audioplane.mark.pattern import GRID, RATE, MarkPayload, read_bits, sync_cells

WINDOW = 8 * FPS
"""Frames of one window."""
SHORTEST = 2 * FPS
"""Fewest frames."""
MAX_WINDOWS = 8
"""Most windows of a file."""
_TEMPOS = (1.0, 2.0)
"""Rates of the mark in the video, relative to RATE: 2 where every other frame was dropped and the
frame rate kept."""
_OTHERS = (-2, 2, 3)
"""Additional turns in the window at which the image's own changes are measured."""
_LARGEST_SIDE = 512
"""Most pixels of the shorter side; larger frames are scaled down."""
_LEAST_SIDE, _LONGEST = 16, 8
"""Pixels of a side, and times that the longer side may be the shorter one: in thinner frames a cell
has less than a pixel, and the search takes minutes or has no end."""
_CELL = 3
"""Pixels of a cell in the search."""
_SCALE_STEP = 1.015
_QUIET = 0.2
"""Noise of a still image, levels."""
_LOUDEST = 4.0
"""Weighted cells count up to here."""
_CANDIDATES = 3
_FALSE_ALARM = 0.85e-6
_USUAL = 2.25
"""Longer side over the shorter one up to which one threshold does."""


def threshold(longer: float) -> float:
    """Score from which a mark is present in frames whose longer side is `longer` times the shorter
    one."""
    tries = n_places(max(longer, _USUAL)) * len(_TEMPOS) * MAX_WINDOWS
    return math.sqrt(math.log(16 * tries / _FALSE_ALARM) / 0.481)


THRESHOLD = threshold(_USUAL)
"""The same of frames that are not longer than usual."""
WORTH_READING = 8.0
"""Score from which on the payload is tried; the payload's check decides whether it is one."""


@dataclass(frozen=True)
class MarkReading:
    """The detection in a video."""

    score: float
    """How well the sync fits; `threshold` and more is a mark."""
    payload: MarkPayload | None
    """Its payload, if the key fits and enough of the mark is left."""
    second: float
    """First frame of the best window."""
    scale: float
    """Width of a cell over that in a whole frame of this size: 1.1 where a tenth was cropped."""
    threshold: float
    """Score that frames as long as these need."""

    @property
    def found(self) -> bool:
        """Whether the video is marked; one that is not passes with a chance of 1e-6."""
        return self.score >= self.threshold or self.payload is not None


def _small(frame: UInt8[np.ndarray, "h w 3"]) -> UInt8[np.ndarray, "h w"]:
    """Luma, with a shorter side of `_LARGEST_SIDE` at most."""
    luma = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
    shrink = _LARGEST_SIDE / min(luma.shape)
    if shrink >= 1:
        return luma
    return cv2.resize(luma, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)


def _demodulate(
    frames: UInt8[np.ndarray, "t h w"], rates: list[float]
) -> Complex64[np.ndarray, "r h w"]:
    """The component at each rate (turns a second); 0 for still parts."""
    angles = 2 * np.pi * np.outer(rates, np.arange(len(frames)) / FPS)
    waves = np.exp(1j * angles)
    waves -= waves.mean(1, keepdims=True)
    waves *= 2 / len(frames)
    stacked = np.concatenate([waves.real, waves.imag]).astype(np.float32)
    flat = frames.reshape(len(frames), -1)
    total = np.zeros((len(stacked), flat.shape[1]), np.float32)
    for start in range(0, len(frames), FPS):
        part = slice(start, start + FPS)
        total += stacked[:, part] @ flat[part].astype(np.float32)
    n = len(rates)
    return (total[:n] + 1j * total[n:]).reshape(n, *frames.shape[1:])


def _high_pass(image: Float32[np.ndarray, "h w 2"], cell: int) -> Float32[np.ndarray, "h w 2"]:
    """Means over a cell less those of the nine cells around."""
    inner = cv2.blur(image, (cell, cell), borderType=cv2.BORDER_REFLECT)
    return inner - cv2.blur(image, (3 * cell, 3 * cell), borderType=cv2.BORDER_REFLECT)


def _channels(z: Complex64[np.ndarray, "h w"]) -> Float32[np.ndarray, "h w 2"]:
    return np.stack([np.real(z), np.imag(z)], -1)


def _weighted(
    values: Float32[np.ndarray, "h w 2"], noise: Float32[np.ndarray, "h w"]
) -> Complex64[np.ndarray, "h w"]:
    """Complex values over their noise's power to the 3/4 (the best by trial), limited in size."""
    z = (values[..., 0] + 1j * values[..., 1]) / (noise + _QUIET**2) ** 0.75
    return (z * np.minimum(1, _LOUDEST / np.maximum(np.abs(z), 1e-9))).astype(np.complex64)


class _Window:
    """The mark's cells in some frames at one tempo."""

    def __init__(self, frames: UInt8[np.ndarray, "t h w"], tempo: float):
        rate = RATE * tempo
        others = [rate + FPS * turns / len(frames) for turns in _OTHERS]
        mark, *others = _demodulate(frames, [rate, *(other for other in others if other > 0)])
        self._height, self._width = mark.shape
        self._nominal = min(mark.shape) / GRID
        cell = max(1, round(self._nominal))
        power = np.zeros(mark.shape, np.float32)
        for other in others:
            power += (_high_pass(_channels(other), cell) ** 2).sum(-1) / (2 * len(others))
        noise = cv2.blur(power, (3 * cell, 3 * cell), borderType=cv2.BORDER_REFLECT)
        self._layers = np.dstack([_channels(mark), noise]).astype(np.float32)
        self._sync = sync_cells()

    def candidates(self) -> list[Place]:
        """The places where the sync fits best, one at most for each scale."""
        found = []
        for k in range(math.ceil(math.log(LARGEST / SMALLEST) / math.log(_SCALE_STEP))):
            cell = SMALLEST * _SCALE_STEP**k * self._nominal
            zoom = _CELL / cell
            area = cv2.INTER_AREA if zoom < 1 else cv2.INTER_LINEAR
            layers = cv2.resize(self._layers, None, fx=zoom, fy=zoom, interpolation=area)
            fit, x, y = self._correlate(
                _weighted(_high_pass(layers[..., :2], _CELL), layers[..., 2])
            )
            size = (self._width, self._height)
            found.append((fit, nearest(x / zoom, y / zoom, cell, self._nominal, size)))
        found.sort(key=lambda entry: entry[0], reverse=True)
        return [place for _, place in found[:_CANDIDATES]]

    def _correlate(self, y: Complex64[np.ndarray, "h w"]) -> tuple[float, int, int]:
        """Best fit of the sync anywhere on y, and the corner of its first cell there."""
        from scipy import fft  # not for whoever only marks

        template = np.zeros((GRID * _CELL, GRID * _CELL), np.complex64)
        template[_CELL // 2 :: _CELL, _CELL // 2 :: _CELL] = self._sync
        shape = [fft.next_fast_len(a + b) for a, b in zip(y.shape, template.shape, strict=True)]
        spectrum = np.asarray(fft.fft2(y, shape)) * np.asarray(fft.fft2(template, shape)).conj()
        fit = np.abs(np.asarray(fft.ifft2(spectrum)))
        row, column = (int(i) for i in np.unravel_index(fit.argmax(), fit.shape))
        best = float(fit[row, column]) / max(float(np.linalg.norm(y)), 1e-9)
        # Past the far edge means that the grid begins before the image does.
        left = column if column < y.shape[1] else column - fit.shape[1]
        top = row if row < y.shape[0] else row - fit.shape[0]
        return best, left, top

    def cells(self, place: Place) -> Complex64[np.ndarray, "64 64"]:
        """The grid's weighted cells at a place; 0 outside the image."""
        size = np.array(place.cell(self._nominal))
        corner = np.array(place.corner(self._nominal, self._width, self._height))
        step = size / _CELL
        first = corner + step / 2 - 0.5
        layers = cv2.warpAffine(
            self._layers,
            np.array([[step[0], 0, first[0]], [0, step[1], first[1]]]),
            (GRID * _CELL, GRID * _CELL),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )
        layers = cv2.resize(layers, (GRID, GRID), interpolation=cv2.INTER_AREA)
        y = _weighted(_high_pass(layers[..., :2], 1), layers[..., 2])
        centres = corner[:, None] + size[:, None] * (np.arange(GRID) + 0.5)
        y[:, (centres[0] < 0) | (centres[0] > self._width)] = 0
        y[(centres[1] < 0) | (centres[1] > self._height)] = 0
        return y

    def fit(self, place: Place) -> tuple[float, complex]:
        """Score of the sync at a place (see `threshold`), and the phase of the mark, modulus 1."""
        y = self.cells(place)
        fit = complex((self._sync.conj() * y).sum())
        size = float(np.linalg.norm(y[self._sync != 0]))
        return math.sqrt(2) * abs(fit) / max(size, 1e-9), fit / max(abs(fit), 1e-9)

    def refined(self, place: Place) -> tuple[float, Place]:
        """The best place near by, found axis by axis in ever smaller steps, and its score."""
        best = self.fit(place)[0]
        for by in (2, 2, 1, 1):
            for axis in range(4):
                for other in (place.moved(axis, by), place.moved(axis, -by)):
                    score = self.fit(other)[0]
                    if score > best:
                        best, place = score, other
        return best, place

    def read(self, place: Place, key: bytes) -> MarkPayload | None:
        """The payload at a place, if its check holds."""
        phase = self.fit(place)[1]
        data = decode(read_bits(self.cells(place) * np.complex64(phase.conjugate()), key), key)
        return None if data is None else MarkPayload.from_bytes(data)


def _is_too_narrow(shape: tuple[int, int]) -> bool:
    """Whether frames hold no grid that could be read."""
    return min(shape) < _LEAST_SIDE or max(shape) > _LONGEST * min(shape)


def _windows(frames: Iterable[UInt8[np.ndarray, "h w 3"]]) -> Iterator[UInt8[np.ndarray, "t h w"]]:
    rest = iter(frames)
    for _ in range(MAX_WINDOWS):
        window = [_small(frame) for frame in islice(rest, WINDOW)]
        if len(window) < SHORTEST or _is_too_narrow(window[0].shape):
            return
        yield np.stack(window)


def read_mark(
    frames: Iterable[UInt8[np.ndarray, "h w 3"]], key: bytes | None = None
) -> MarkReading | None:
    """Look for a mark in frames at 25 a second, and read it if `key` is its own.

    Stops once the payload is read or, without a key, a mark is found, after `MAX_WINDOWS` windows
    at most. None for fewer than `SHORTEST` frames, or such as are too narrow to hold one.
    """
    best = None
    for number, frames_there in enumerate(_windows(frames)):
        shape, second = frames_there.shape[1:], number * WINDOW / FPS
        needed = threshold(max(shape) / min(shape))
        for tempo in _TEMPOS:
            window = _Window(frames_there, tempo)
            for start in window.candidates():
                score, place = window.refined(start)
                payload = window.read(place, key) if key and score >= WORTH_READING else None
                reading = MarkReading(score, payload, second, place.cell(1.0)[0], needed)
                if payload is not None or (key is None and reading.found):
                    return reading
                if best is None or score > best.score:
                    best = reading
    return best
