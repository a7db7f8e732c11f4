"""Alignment of images to a template by shift, turn and scale: direct, robust to occlusion.

A similarity of the plane is z ↦ m z + d of complex z = x + iy, measured from the image's centre in
half widths, so that it is the same at every size. It is found by inverse compositional Gauss-Newton
(Baker & Matthews, "Lucas-Kanade 20 years on", 2004) from coarse to fine, over two channels: grey,
with gain and bias, and the person's outline, which is all that plain clothes show.

Symbols: r residual, J its derivative by (Re Δm, Im Δm, Re Δd, Im Δd, gain, bias), w weight of
Cauchy's robust norm, σ its scale.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Complex, Float, Float32, Shaped, UInt8

FINEST = 256
"""Largest width that images are aligned at, pixels."""
_LEVELS = 3
_STEPS = (8, 6, 5)
"""Most steps of Gauss-Newton, coarsest level first."""
_ENOUGH = 2e-5
"""Update, half widths, below which a level is finished: .005 pixels of 512."""
_POINTS = 5000
"""Points of a channel, evenly taken from its mask."""
_PERSON = 64.0
"""Grey levels that the person's mask counts for, blurred to a ramp."""
_RAMP = 1.5
"""Its blur, standard deviation in pixels."""
_LEAST_SCALE = (2.0, 6.0)
"""Least σ of grey and of outline, grey levels: noise of a camera, and of masks."""
_CHAINED = (2.0, 8.0)
"""Neighbouring points whose errors are alike, grey and outline: they count once."""
_ROBUST = (8.0, 8.0, 6.0)
"""Scale of the robust norm over σ, coarsest level first: fine patterns need the whole error until
they are nearly in place, or every stripe is as good as the next."""
_CELLS = 16
"""Cells across an image, each weighed as a whole: what covers a body covers neighbours."""
_COVERED = 2.0
"""Error of a cell that is believed half as much, over the usual one. Errors are told in what a
shift by one pixel would explain: a pattern that is nearly in place is not covered."""
_MOST = 60.0
"""Grey levels that an error counts for in its cell."""
_PRIOR = 0.02
"""Standard deviation of a transform about its start, half widths: holds what nothing shows."""


@dataclass(frozen=True)
class Similarity:
    """z ↦ m z + d."""

    m: complex = 1.0
    d: complex = 0.0

    def __call__(self, z: Complex[np.ndarray, " n"]) -> Complex[np.ndarray, " n"]:
        return self.m * z + self.d

    def after(self, first: "Similarity") -> "Similarity":
        """This one, applied after another."""
        return Similarity(self.m * first.m, self.m * first.d + self.d)

    def inverse(self) -> "Similarity":
        """What undoes it."""
        return Similarity(1 / self.m, -self.d / self.m)

    def matrix(self, shape: tuple[int, int]) -> Float[np.ndarray, "2 3"]:
        """The same on indices (x, y) of the pixels of an image of so many rows and columns."""
        rows, columns = shape
        centre = complex(columns - 1, rows - 1) / 2
        shift = self.d * columns / 2 + centre - self.m * centre
        m = self.m
        return np.array([[m.real, -m.imag, shift.real], [m.imag, m.real, shift.imag]])


@dataclass(frozen=True)
class View:
    """One image at one width, as it is aligned."""

    grey: Float32[np.ndarray, "h w"]
    """0–255."""
    person: Float32[np.ndarray, "h w"]
    """0 to `_PERSON`, blurred."""
    free: UInt8[np.ndarray, "h w"]
    """1 where the body may be seen: no head, no neck."""


def views(
    grey: UInt8[np.ndarray, "h w"],
    person: Bool[np.ndarray, "h w"],
    head: Bool[np.ndarray, "h w"],
) -> list[View]:
    """An image at all widths, coarsest first.

    Args:
        grey: brightness.
        person: pixels of anything but background.
        head: pixels of what moves by itself before the body.
    """
    rows, columns = grey.shape
    scale = min(1.0, FINEST / columns)
    made = []
    for level in reversed(range(_LEVELS)):
        size = [max(8, round(n * scale / 2**level)) for n in (columns, rows)]
        shrunk = [
            cv2.resize(a, size, interpolation=cv2.INTER_AREA).astype(np.float32)
            for a in (grey, person.astype(np.uint8) * np.uint8(255), head.astype(np.uint8) * 255)
        ]
        soft = cv2.GaussianBlur(shrunk[1] * (_PERSON / 255), (0, 0), _RAMP)
        free = (shrunk[2] < 64).astype(np.uint8)
        made.append(View(cv2.GaussianBlur(shrunk[0], (0, 0), 0.7), soft, free))
    return made


def _normal(z: Complex[np.ndarray, " n"], shape: tuple[int, int]) -> Complex[np.ndarray, " n"]:
    """Indices x + iy of pixels to half widths from the centre."""
    rows, columns = shape
    return (z - ((columns - 1) + 1j * (rows - 1)) / 2) / (columns / 2)


def _sample(
    image: np.ndarray, z: Complex[np.ndarray, " n"], nearest: bool = False
) -> Shaped[np.ndarray, " n"]:
    """Values at places in half widths; the border is continued."""
    rows, columns = image.shape
    at = z * (columns / 2) + ((columns - 1) + 1j * (rows - 1)) / 2
    x, y = (part.astype(np.float32)[None] for part in (np.real(at), np.imag(at)))
    way = cv2.INTER_NEAREST if nearest else cv2.INTER_LINEAR
    # In one row, of which OpenCV takes 2^15 columns.
    return cv2.remap(image, x, y, way, borderMode=cv2.BORDER_REPLICATE)[0]


@dataclass(frozen=True)
class _Channel:
    """Points of a template's level in one channel; for `least` to `robust` see the constants."""

    z: Complex[np.ndarray, " n"]
    values: Float[np.ndarray, " n"]
    J: Float[np.ndarray, "6 n"]
    cell: Shaped[np.ndarray, " n"]
    """Of the `_CELLS` across that the image is cut into."""
    expected: Float[np.ndarray, " k"]
    """Mean error in a cell that is a pixel out of place."""
    least: float
    chained: float

    robust: float

    def system(
        self, image: np.ndarray, free: np.ndarray, at: Similarity, light: Float[np.ndarray, "2"]
    ) -> tuple[Float[np.ndarray, "6 6"], Float[np.ndarray, "6"], float]:
        """JᵀWJ, JᵀWr and the mean robust error of one image under a transform."""
        if not len(self.z):
            return np.zeros((6, 6)), np.zeros(6), 0.0
        z = at(self.z)
        rows, columns = image.shape
        seen = (np.abs(np.real(z)) < 1) & (np.abs(np.imag(z)) < rows / columns)
        seen &= _sample(free, z, nearest=True) > 0
        r = _sample(image, z) - (1 + light[0]) * self.values - light[1]
        if seen.sum() < 8:
            return np.zeros((6, 6)), np.zeros(6), np.inf
        scale = max(self.least, 1.48 * float(np.median(np.abs(r[seen]))))
        w = seen / (1 + (r / (self.robust * scale)) ** 2) * self._regions(r, seen)
        weighted = self.J * (w / (scale**2 * self.chained))
        error = np.log1p((r[seen] / (2 * self.least)) ** 2).mean()
        return weighted @ self.J.T, weighted @ r, float(error)

    def _regions(
        self, r: Float[np.ndarray, " n"], seen: Bool[np.ndarray, " n"]
    ) -> Float[np.ndarray, " n"]:
        """Weight of each point's cell, by its error against the median cell's."""
        n = np.bincount(self.cell, seen)
        error = np.bincount(self.cell, np.minimum(np.abs(r), _MOST) * seen) / np.maximum(n, 1)
        error /= self.expected
        usual = max(1.0, float(np.median(error[n > 0])))
        return (1 / (1 + (error / (_COVERED * usual)) ** 4))[self.cell]


def _channel(
    image: np.ndarray, mask: Bool[np.ndarray, "h w"], light: bool, noise: tuple[float, float, float]
) -> _Channel:
    """`light`: the channel has a gain and a bias."""
    rows, columns = image.shape
    y, x = np.nonzero(mask)
    if len(x) > _POINTS:
        chosen = np.random.default_rng(0).permutation(len(x))[:_POINTS]
        y, x = y[np.sort(chosen)], x[np.sort(chosen)]
    unit = columns / 2
    gx = cv2.Sobel(image, cv2.CV_32F, 1, 0, ksize=3)[y, x] / 8 * unit
    gy = cv2.Sobel(image, cv2.CV_32F, 0, 1, ksize=3)[y, x] / 8 * unit
    z = _normal(x + 1j * y, (rows, columns))
    values = image[y, x].astype(np.float64)
    ones = np.ones_like(values)
    zx, zy = np.real(z), np.imag(z)
    J = [gx * zx + gy * zy, gy * zx - gx * zy, gx, gy]
    J += [values * light, ones * light]
    column = ((zx + 1) * _CELLS / 2).astype(int)
    row = ((zy - zy.min(initial=0)) * _CELLS / 2).astype(int)
    cell = row * _CELLS + np.clip(column, 0, _CELLS - 1)
    steep = np.hypot(gx, gy) / unit
    expected = noise[0] + np.bincount(cell, steep) / np.maximum(np.bincount(cell), 1)
    return _Channel(z, values, np.array(J, np.float64), cell, expected, *noise)


@dataclass(frozen=True)
class Template:
    """What images are laid over, coarsest level first."""

    levels: Sequence[tuple[_Channel, _Channel]]


def template(image: Sequence[View], body: Bool[np.ndarray, "h w"]) -> Template:
    """A template out of an image's `views` and the pixels of its body, at any size."""
    levels = []
    for view, robust in zip(image, _ROBUST, strict=True):
        rows, columns = view.grey.shape
        share = cv2.resize(body.astype(np.float32), (columns, rows), interpolation=cv2.INTER_AREA)
        own = share > 0.5
        edge = np.zeros_like(own)
        edge[2:-2, 2:-2] = True
        near = cv2.dilate(own.astype(np.uint8), np.ones((7, 7), np.uint8)) > 0
        apart = cv2.erode(view.free, np.ones((5, 5), np.uint8), borderValue=1) > 0
        grey = cv2.dilate(own.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
        ramp = (view.person > 0.05 * _PERSON) & (view.person < 0.95 * _PERSON)
        noise = [(s, c, robust) for s, c in zip(_LEAST_SCALE, _CHAINED, strict=True)]
        levels.append(
            (
                _channel(view.grey, grey & edge & apart, True, noise[0]),
                _channel(view.person, ramp & near & edge & apart, False, noise[1]),
            )
        )
    return Template(levels)


@dataclass(frozen=True)
class Alignment:
    """Where a template lies in an image."""

    at: Similarity
    """Template to image."""
    error: float
    """Mean robust error at the finest level; the smaller the better."""


def align(
    onto: Template, image: Sequence[View], starts: Sequence[Similarity], coarsest: int = 0
) -> Alignment:
    """The similarity that lays a template over an image, from the best of some starts.

    Args:
        onto: the template.
        image: the image's `views`.
        starts: guesses; the first is held to where the image shows nothing.
        coarsest: first level to work at.
    """
    light = np.zeros(2)

    def error(start: Similarity) -> float:
        view = image[coarsest]
        grey, outline = onto.levels[coarsest]
        return (
            grey.system(view.grey, view.free, start, light)[2]
            + outline.system(view.person, view.free, start, light)[2]
        )

    start = min(starts, key=error) if len(starts) > 1 else starts[0]
    at, last = start, np.inf
    for level in range(coarsest, len(image)):
        view, (grey, outline) = image[level], onto.levels[level]
        for _ in range(_STEPS[level]):
            H, b, last = grey.system(view.grey, view.free, at, light)
            H2, b2, _ = outline.system(view.person, view.free, at, light)
            H, b = H + H2, b + b2
            away = np.array(
                [(at.m - start.m).real, (at.m - start.m).imag]
                + [(at.d - start.d).real, (at.d - start.d).imag]
            )
            H[range(4), range(4)] += _PRIOR**-2
            b[:4] += away * _PRIOR**-2
            H[[4, 5], [4, 5]] += (1e2, 1e-2)
            step = np.linalg.solve(H, b)
            moved = Similarity(1 + step[0] + 1j * step[1], step[2] + 1j * step[3])
            at = at.after(moved.inverse())
            light = light + step[4:]
            if np.abs(step[:4]).max() < _ENOUGH:
                break
    return Alignment(at, last)
