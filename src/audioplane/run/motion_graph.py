"""The motion graph of a recording: its frames, and the places where it can go on elsewhere.

A jump leaves the recording after frame i and goes on with frame j; over the next `EASE` frames what
is shown passes from frames i + 1, i + 2, … to frames j, j + 1, …. Jumps are where both look alike.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import repeat

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Float, Float64, Int64, UInt8
from torch import Tensor

from audioplane.head import BLINK
from audioplane.run.footage import Footage
from audioplane.run.torso_shift import BODY_POINTS, projected, shift, shifted
from audioplane.subject import FrameRef
from audioplane.subject.expression import LIDS

CHOICE = 1
"""Raised where the same recording gets another graph: those that are kept are then made anew."""
EASE = 20
"""Frames that a jump takes."""
FADE = range(7, 13)
"""Those of them in which the expression passes over: few, since a blink is not to be halved."""
_HEAD = np.array([[0, 0.02, -0.1], [-0.07, 0, 0], [0.07, 0, 0], [0, 0.1, -0.05], [0, -0.1, 0]])
"""Points whose motion is compared, metres (`torso_shift.projected`): nose, ears, chin, crown."""
_APART = 25
"""Frames that a jump skips at least."""
_USUAL = 90
"""Percentile of the recorded speeds: the points of a jump may be so far apart that easing them into
one another adds this speed, and twice this speed apart."""
_LEAST = 0.5
"""The same for people who hardly move, pixels a frame of an image 512 high."""
_LIDS, _FACE = 0.3, 0.3
"""Largest differences of lids, and of the rest of the expression."""
_TORSO = 10.0
"""Of recorded torsos, which are faded into one another: mean difference, levels of 255."""
_SMALL = (64, 64)
"""Width and height to which they are reduced before they are compared."""
_BLOCK, _BLOCKS = 4, 400
"""Of the pairs of so many frames and so many others the most alike is compared closely; of long
recordings of more, so that there are so many squared."""
_CELL = (8, 16)
"""Of the jumps from so many frames to so many others the best is kept."""
_ENOUGH = 1 / 3
"""Share of the frames that has to be within reach,"""
_PLENTY = 500
"""or so many of them."""
_TOGETHER = 5_000
"""Jumps whose frames are looked at together: 50 MB."""
_SHARPEST = 99
"""Percentile of the recording's second differences that no jump may exceed,"""
_UNSEEN = 0.1
"""unless it is less than this, pixels of an image 512 high."""
_KINDS = {"kept": "b", "ends": "i", "spoken": "b", "exits": "i", "entries": "i", "costs": "f"}
"""Kinds of the numbers of a motion graph's arrays, as NumPy calls them."""


@dataclass(frozen=True)
class MotionGraph:
    """Frames in the order of the recording, and jumps between them; from every frame that is `kept`
    the motion can go on for ever."""

    refs: Sequence[FrameRef]
    spoken: Bool[np.ndarray, " n"]
    """Frames in which the recorded person speaks."""
    ends: Int64[np.ndarray, " n"]
    """Of each frame, the last of its shot."""
    kept: Bool[np.ndarray, " n"]
    exits: Int64[np.ndarray, " e"]
    """Frames after which a jump begins, in order."""
    entries: Int64[np.ndarray, " e"]
    """The frames that begin to be shown by it."""
    costs: Float64[np.ndarray, " e"]
    """How much both sides of it differ, 0 to 1."""

    @property
    def shown(self) -> Bool[np.ndarray, " n"]:
        """Frames that can be seen: those that are kept, and both sides of all jumps."""
        seen = self.kept.copy()
        seen[np.concatenate([self.exits + 1, self.entries])[:, None] + np.arange(EASE)] = True
        return seen

    def tensors(self) -> dict[str, Tensor]:
        """All but the frames, for a file."""
        return {name: torch.from_numpy(x) for name, x in vars(self).items() if name != "refs"}

    @staticmethod
    def of(refs: Sequence[FrameRef], tensors: Mapping[str, Tensor]) -> "MotionGraph":
        """The inverse of `tensors`. Raises `ValueError` where they do not fit the frames."""
        arrays = {name: x.numpy() for name, x in tensors.items()}
        if {name: x.dtype.kind for name, x in arrays.items()} != _KINDS:
            raise ValueError("its motion graph is of other types")
        graph, n = MotionGraph(refs, **arrays), len(refs)
        sides = graph.exits, graph.exits + EASE, graph.entries, graph.entries + EASE - 1
        frames = np.concatenate([*sides, graph.ends])
        if {len(graph.spoken), len(graph.ends), len(graph.kept)} != {n} or not graph.kept.any():
            raise ValueError("its motion graph is not of its frames")
        if not len(graph.exits) == len(graph.entries) == len(graph.costs):
            raise ValueError("the jumps of its motion graph are not whole")
        if not len(graph.exits) or not (0 <= frames.min() and frames.max() < n):
            raise ValueError("its motion graph leads out of its frames")
        return graph


_Jumps = tuple[Int64[np.ndarray, " e"], Int64[np.ndarray, " e"], Float64[np.ndarray, " e"]]


@dataclass(frozen=True)
class Traits:
    """What is compared, of n frames in their order."""

    shots: Int64[np.ndarray, " n"]
    """Number of the shot of each frame."""
    points: tuple[Float[np.ndarray, "n _ 2"], ...]
    """Projected points of the head, and of the body where it was tracked; pixels of an image 512
    high."""
    expression: Float[np.ndarray, "n e"]


def traits_of(
    footage: Footage, views: Float[np.ndarray, "n 4 4"], bodies: Float[np.ndarray, "n 4 4"] | None
) -> Traits:
    """What is compared of all frames of a footage's shots, whose views these are."""
    counts = [len(shot) for shot in footage.shots]
    seen = [(_HEAD, views)] if bodies is None else [(_HEAD, views), (BODY_POINTS, bodies)]
    scale = 512 / footage.size[1]
    return Traits(
        np.repeat(np.arange(len(counts)), counts),
        tuple(scale * projected(points, x, footage.K) for points, x in seen),
        np.stack([footage.expression(ref) for shot in footage.shots for ref in shot]),
    )


def motion_graph(
    footage: Footage,
    views: Float[np.ndarray, "n 4 4"],
    bodies: Float[np.ndarray, "n 4 4"] | None,
    spoken: Bool[np.ndarray, " n"],
) -> MotionGraph | None:
    """The jumps of a recording; None where too little of it could be played without going back.

    Args:
        footage: its shots.
        views: of all frames of the shots, in order, world→camera.
        bodies: likewise of the body, where it was tracked.
        spoken: whether the person speaks in each of them.
    """
    refs = [ref for shot in footage.shots for ref in shot]
    if max((len(shot) for shot in footage.shots), default=0) < 2 * EASE + _APART:
        return None
    traits = traits_of(footage, views, bodies)
    jumps = _jumps(traits)
    if footage.torso(refs[0]) is not None:
        jumps = _with_like_torsos(jumps, footage, refs, bodies)
    ends = np.searchsorted(traits.shots, traits.shots, "right") - 1
    graph = _within_reach(MotionGraph(refs, spoken, ends, ends >= 0, *jumps), traits.shots)
    if graph is None or graph.kept.sum() < min(_ENOUGH * len(refs), _PLENTY):
        return None
    return graph


def shown_frames(footage: Footage, graph: MotionGraph | None) -> list[FrameRef]:
    """The frames that a driven head may show, on its motion graph or to and fro."""
    loop = {ref.img_id for ref in footage.loop}
    seen = repeat(False) if graph is None else graph.shown.tolist()
    pairs = zip(footage.refs, seen, strict=False)
    return [ref for ref, on_graph in pairs if on_graph or ref.img_id in loop]


def eased(step: int) -> float:
    """The weight of the side that a jump goes to, in its frame `step` of 0 … `EASE` − 1."""
    return float(0.5 - 0.5 * np.cos(np.pi * (step + 1) / (EASE + 1)))


def faded(step: int) -> float:
    """Likewise of the expression."""
    return float(np.clip((step + 1 - FADE.start) / (len(FADE) + 1), 0, 1))


def _jumps(traits: Traits) -> _Jumps:
    """Exits, entries and costs of the jumps whose two sides look alike in pose, motion and face."""
    n, signs = len(traits.shots), _signs(traits)
    middle, rest = EASE // 2, EASE - EASE // 2
    # The sides are compared in the middle of the jump first, all with all.
    at, to = _alike(np.concatenate(signs, 1, dtype=np.float32), float(len(signs)))
    exits, entries = at - middle - 1, to - middle
    inside = (exits >= 0) & (entries >= 0) & (at + rest < n) & (to + rest < n)
    exits, entries, at, to = exits[inside], entries[inside], at[inside], to[inside]
    whole = traits.shots[exits] == traits.shots[at + rest]
    whole &= traits.shots[entries] == traits.shots[to + rest]
    exits, entries = exits[whole], entries[whole]
    costs = _differences(signs, exits, entries)
    likely = np.flatnonzero(costs <= 1)
    blocks = np.split(likely, range(_TOGETHER, len(likely), _TOGETHER))
    fine = np.concatenate([i[_smooth(traits, exits[i], entries[i])] for i in blocks])
    return _best_of_cells(exits[fine], entries[fine], costs[fine])


def _alike(
    signs: Float[np.ndarray, "n f"], most: float
) -> tuple[Int64[np.ndarray, " c"], Int64[np.ndarray, " c"]]:
    """Pairs of frames that are less than `most` apart, squared, the best of every block."""
    size = max(_BLOCK, -(-len(signs) // _BLOCKS))
    count = len(signs) // size
    signs, found = signs[: count * size], []
    squares = np.einsum("nf,nf->n", signs, signs)
    number = np.arange(len(signs))
    for first in range(0, len(signs), size):
        row = slice(first, first + size)
        apart = squares[row, None] + squares - 2 * signs[row] @ signs.T
        apart[np.abs(number[row, None] - number) < _APART] = np.inf
        blocks = apart.reshape(size, count, size).swapaxes(0, 1).reshape(count, size * size)
        least, near = blocks.argmin(1), np.flatnonzero(blocks.min(1) < most)
        found.append(np.stack([first + least[near] // size, near * size + least[near] % size]))
    at, to = np.concatenate(found, 1)
    return at, to


def _signs(traits: Traits) -> list[Float[np.ndarray, "n _"]]:
    """Places, speeds and expression, in proportion to what a jump may have of their difference; the
    lids are the last."""
    signs = []
    within = traits.shots[1:] == traits.shots[:-1]
    for points in traits.points:
        flat = points.reshape(len(points), -1) / np.sqrt(points.shape[1])
        step = np.diff(flat, axis=0)
        usual = np.percentile(np.linalg.norm(step[within], axis=1), _USUAL)
        speed = max(float(usual), _LEAST)
        place = speed * 2 * EASE / np.pi
        signs += [flat / place, np.gradient(flat, axis=0) / (2 * speed)]
    shown = traits.expression
    lids = slice(None) if shown.shape[1] == BLINK else LIDS
    if shown.shape[1] > BLINK:
        signs.append(np.delete(shown, lids, 1) / (_FACE))
    return [*signs, shown[:, lids] / (_LIDS)]


def _differences(
    signs: Sequence[Float[np.ndarray, "n _"]], exits: np.ndarray, entries: np.ndarray
) -> Float64[np.ndarray, " e"]:
    """The largest difference of each jump, in proportion to what it may be.

    Of places and speeds their mean counts; of lids every frame in which they pass over.
    """
    largest = np.zeros(len(exits))
    for number, sign in enumerate(signs):
        lids = number == len(signs) - 1
        steps = [
            np.square(sign[exits + 1 + k] - sign[entries + k]).sum(1, dtype=np.float64)
            for k in (FADE if lids else range(EASE))
        ]
        of_jump = np.max(steps, 0) if lids else np.mean(steps, 0)
        largest = np.maximum(largest, np.sqrt(of_jump))
    return largest


def _smooth(traits: Traits, exits: np.ndarray, entries: np.ndarray) -> Bool[np.ndarray, " e"]:
    """Whether the points' second differences stay below the recording's sharpest."""
    fine, n = np.ones(len(exits), bool), len(traits.shots)
    weights = np.array([0, 0, *(eased(k) for k in range(EASE)), 1, 1])[:, None, None, None]
    span = np.arange(-1, EASE + 3)[:, None]
    leaving, coming = (exits + span).clip(0, n - 1), (entries - 1 + span).clip(0, n - 1)
    within = traits.shots[2:] == traits.shots[:-2]
    for points in traits.points:
        recorded = np.linalg.norm(np.diff(points, 2, axis=0), axis=-1)[within]
        shown = (1 - weights) * points[leaving] + weights * points[coming]
        bends = np.linalg.norm(np.diff(shown, 2, axis=0), axis=-1)
        most = np.percentile(recorded, _SHARPEST, axis=0)
        fine &= (bends <= np.maximum(most, _UNSEEN)).all((0, 2))
    return fine


def _best_of_cells(exits: np.ndarray, entries: np.ndarray, costs: np.ndarray) -> _Jumps:
    order = np.argsort(costs, kind="stable")
    cells = np.stack([exits[order] // _CELL[0], entries[order] // _CELL[1]], 1)
    _, first = np.unique(cells, axis=0, return_index=True)
    kept = order[first]
    kept = kept[np.lexsort((entries[kept], exits[kept]))]
    return exits[kept], entries[kept], costs[kept]


def _with_like_torsos(
    jumps: _Jumps,
    footage: Footage,
    refs: Sequence[FrameRef],
    bodies: Float[np.ndarray, "n 4 4"] | None,
) -> _Jumps:
    """Those whose recorded torsos, moved onto one another, look alike in the middle of the jump."""
    exits, entries, costs = jumps
    sides = exits + 1 + EASE // 2, entries + EASE // 2
    needed = np.unique(np.concatenate(sides)).tolist()

    def small(i: int) -> UInt8[np.ndarray, "h w 4"]:
        torso = np.asarray(footage.torso(refs[i]))
        return cv2.resize(torso, _SMALL, interpolation=cv2.INTER_AREA)

    scale = np.diag([_SMALL[0] / footage.size[0], _SMALL[1] / footage.size[1], 1]) @ footage.K
    with ThreadPoolExecutor(thread_name_prefix="torsos") as pool:
        images = dict(zip(needed, pool.map(small, needed), strict=True))

    def apart(leaving: int, entry: int) -> float:
        matrix = np.eye(2, 3)
        if bodies is not None:
            matrix = shift(bodies[leaving], bodies[entry], scale)
        one, other = shifted(images[leaving], matrix), shifted(images[entry], np.eye(2, 3))
        shown = np.maximum(one[..., 3], other[..., 3]).sum() / 255
        return float(np.abs(one - other).sum() / max(4 * shown, 1)) / _TORSO

    off = np.array([apart(a, b) for a, b in zip(*(x.tolist() for x in sides), strict=True)])
    fine = off <= 1
    return exits[fine], entries[fine], np.maximum(costs, off)[fine]


def _within_reach(graph: MotionGraph, shots: Int64[np.ndarray, " n"]) -> MotionGraph | None:
    """The largest part in which every frame can be reached from every other; None without jumps."""
    from scipy.sparse import coo_array  # 40 MB, which a kept graph does not need
    from scipy.sparse.csgraph import connected_components

    n = len(shots)
    if not len(graph.exits):
        return None
    follows = np.flatnonzero(shots[1:] == shots[:-1])
    landing = graph.entries + EASE - 1
    rows = np.concatenate([follows, graph.exits])
    columns = np.concatenate([follows + 1, landing])
    edges = coo_array((np.ones(len(rows)), (rows, columns)), shape=(n, n))
    _, part = connected_components(edges, connection="strong")
    kept = part == np.bincount(part).argmax()
    inside = kept[graph.exits] & kept[landing]
    jumps = graph.exits[inside], graph.entries[inside], graph.costs[inside]
    return MotionGraph(graph.refs, graph.spoken, graph.ends, kept, *jumps) if inside.any() else None
