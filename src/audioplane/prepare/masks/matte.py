"""The person's mask without a model: two outlines on colours learnt from the clip.

Colours are learnt once, on frames spread over the clip: first from where anatomy says person and
background, then twice more from the outlines found with them. The mean outline becomes the prior
of every frame, the head's in the face's axes, the body's as it lies in the picture.
"""

from dataclasses import dataclass, replace

import cv2
import numpy as np
from jaxtyping import Bool, Float, Float32, UInt8

from audioplane.prepare.masks.colours import apply_odds, learn_odds
from audioplane.prepare.masks.geometry import FaceFrame, face_polygon, head_side, polygon_mask
from audioplane.prepare.masks.outline import (
    BODY_GRID,
    FAR,
    N_RAYS,
    N_STEPS,
    NEAR,
    HeadFrame,
    RayGrid,
    best_outline,
    directions,
    edges,
    ray_points,
)
from audioplane.prepare.pose.camera import Intrinsics

SAMPLES = 24
"""Frames that colours and mean outlines come from."""

_HEAD_SECTORS, _BODY_SECTORS = 18, 10
_ROUNDS = 3
_LOOSE, _TIGHT = 0.11, 0.08
"""Spread of the head's outline about the average head, about this head (ray distances)."""
_BODY_LOOSE, _BODY_TIGHT = 0.22, 0.08
"""Spread of the body's outline about its prior, face heights."""
_COLOUR, _MOTION = 0.5, 1.0
"""Weights of what colour and motion say, per step."""
_EDGE_BONUS = 2.0
"""What a strong edge under the outline is worth, in log odds of a pixel."""
_ALIKE = 6.0
"""Degrees between heads that count as turned alike."""
_FOR_HEAD = 0.4
_NOISE = 5.0
"""Distance that says nothing, grey levels."""
_INSIDE_ALL = (0.65, 0.8)
"""Ray distances, beside and above, that no head is smaller than."""
_OUTSIDE_ALL = 1.3
"""Ray distance that hardly a head is larger than."""
_FIRST_HALO = 12.0
"""Steps around an average head that may still be head."""
_FIRST_BODY_MARGIN = 12
"""Rows above and below average shoulders that may be either."""
_MARGIN = 4
"""Steps beside an outline that colours are not learnt from."""
_WIDTH_OF_TEACHING = 26
"""Steps beyond that margin that they are learnt from: near ones tell more than far ones."""


@dataclass(frozen=True)
class View:
    """A frame and where the face is in it."""

    image: UInt8[np.ndarray, "h w 3"]
    landmarks: Float[np.ndarray, "68 2"]
    viewmat: Float[np.ndarray, "4 4"]
    focal: float
    """Focal length, pixels."""


@dataclass(frozen=True)
class PersonModel:
    """What the clip taught."""

    head_odds: Float32[np.ndarray, "sectors b b b"]
    body_odds: Float32[np.ndarray, "parts b b b"]
    motion: Float[np.ndarray, "rays steps"]
    """Log odds of head from what stays when the head is held still, and what when the picture."""
    head_outlines: Float[np.ndarray, "n rays"]
    """Of the frames that were learnt from, in steps."""
    head_rotations: Float[np.ndarray, "n 3 3"]
    """Of the same frames: a head's outline changes as it turns."""
    body_outline: Float[np.ndarray, " columns"]
    """Mean, in steps from the bottom."""


@dataclass(frozen=True)
class _Grids:
    """Samples of one frame for both outlines; person first, background behind."""

    head: HeadFrame
    rotation: Float[np.ndarray, "3 3"]
    face: FaceFrame
    rays: UInt8[np.ndarray, "rays steps 3"]
    rays_count: Float32[np.ndarray, "rays steps"]
    """1 where a ray's sample says something about the head."""
    columns: UInt8[np.ndarray, "columns heights 3"]
    head_beside: Bool[np.ndarray, "columns heights"]
    """Samples on the head's side of the jaw line."""

    @staticmethod
    def of(view: View) -> "_Grids":
        size = len(view.image)
        head = HeadFrame.of(view.viewmat, Intrinsics(view.focal, size / 2))
        grid = RayGrid.of(head, size)
        small = cv2.resize(view.image, (BODY_GRID, BODY_GRID), interpolation=cv2.INTER_AREA)
        scale = np.float32(BODY_GRID / size)
        beside = head_side(view.landmarks * scale, BODY_GRID)
        return _Grids(
            head,
            view.viewmat[:3, :3],
            FaceFrame.of(view.landmarks),
            grid.sample(view.image),
            grid.inside,
            np.ascontiguousarray(small[::-1].transpose(1, 0, 2)),
            np.ascontiguousarray(beside[::-1].T),
        )


def learn_person(views: list[View]) -> PersonModel:
    """Learn from frames spread over the clip."""
    size = len(views[0].image)
    grids = [_Grids.of(v) for v in views]
    head = np.full((len(grids), N_RAYS), _step_of(1.0))
    body = np.stack([_body_prior(g.face, size) for g in grids])
    motion = _motion(views, grids)
    turned = np.stack([v.viewmat[:3, :3] for v in views])
    model = None
    for round_ in range(_ROUNDS):
        certain = _certain() if round_ == 0 else _teach(head, N_STEPS)
        head_odds = _learn_head(grids, *certain)
        halo = 0 if round_ else _FIRST_HALO
        shoulders = _teach(body, BODY_GRID, _MARGIN if round_ else _FIRST_BODY_MARGIN)
        body_odds = _learn_body(grids, head + halo, shoulders, size)
        loose = round_ < _ROUNDS - 1
        model = PersonModel(
            head_odds,
            body_odds,
            motion,
            head,
            turned,
            np.median(body, axis=0),
        )
        found = [_outlines(model, g, size, loose) for g in grids]
        head, body = (np.stack(x) for x in zip(*found, strict=True))
    assert model is not None
    return replace(model, head_outlines=head, body_outline=np.median(body, axis=0))


def _expected_outline(
    model: PersonModel, rotation: Float[np.ndarray, "3 3"]
) -> Float[np.ndarray, " rays"]:
    """Mean outline of the frames whose head is turned alike."""
    cosine = (np.einsum("nij,ij->n", model.head_rotations, rotation) - 1) / 2
    angle = np.degrees(np.arccos(np.clip(cosine, -1, 1)))
    weight = np.exp(-((angle / _ALIKE) ** 2)) + 0.01
    return weight @ model.head_outlines / weight.sum()


def _motion(views: list[View], grids: list[_Grids]) -> Float[np.ndarray, "rays steps"]:
    """Log ratio of a sample's distance from what its place in the picture mostly shows to its
    distance from what its place on the head mostly shows.

    The background stands still in the picture, hair on the head; a flat wall says nothing.
    """
    size = len(views[0].image)
    picture = np.median(np.stack([v.image for v in views]), axis=0).astype(np.uint8)
    rays = np.stack([g.rays for g in grids])
    on_head = np.median(rays, axis=0)
    ratios = []
    for g in grids:
        colours = g.rays.astype(np.float32)
        behind = RayGrid.of(g.head, size).sample(picture)
        from_picture = np.abs(colours - behind).max(-1)
        from_head = np.abs(colours - on_head).max(-1)
        ratios.append(np.log((from_picture + _NOISE) / (from_head + _NOISE)))
    ratio = np.median(ratios, axis=0).astype(np.float32)
    # A flat wall that the head sweeps over also stays on the head: what speaks for the head
    # counts little, what speaks for the background fully.
    ratio[ratio > 0] *= _FOR_HEAD
    return cv2.GaussianBlur(np.clip(ratio, -1.5, 1.5), (0, 0), 1.5)


def _step_of(distance: float) -> float:
    return (distance - NEAR) / (FAR - NEAR) * (N_STEPS - 1)


def _body_prior(frame: FaceFrame, size: int) -> Float[np.ndarray, " columns"]:
    """Shoulders of an average body, steps from the bottom."""
    scale = BODY_GRID / size
    x = (np.arange(BODY_GRID) + 0.5) / scale
    beside = np.abs(x - frame.chin[0]) / frame.h
    fall = np.interp(beside, (0.25, 0.45, 2.0), (-0.2, 0.1, 0.6))
    y = frame.chin[1] + frame.h * fall
    return np.clip(BODY_GRID - y * scale, 2, BODY_GRID - 2)


def _certain() -> tuple[Bool[np.ndarray, "1 rays steps"], Bool[np.ndarray, "1 rays steps"]]:
    """Samples that are head on every head, background behind every one: between them lies hair
    of any cut or wall, and a wall that is taken for hair stays it."""
    up = np.maximum(0, -np.cos(directions()))[:, None]
    step = np.arange(N_STEPS)[None]
    inner = np.array([_step_of(d) for d in _INSIDE_ALL])
    person = step < inner[0] + (inner[1] - inner[0]) * up
    outer = _step_of(_OUTSIDE_ALL)
    background = (step > outer) & (step < outer + _WIDTH_OF_TEACHING) & (up >= 0)
    return person[None], background[None]


def _teach(
    outline: Float[np.ndarray, "n rows"], steps: int, margin: int = _MARGIN
) -> tuple[Bool[np.ndarray, "n rows steps"], Bool[np.ndarray, "n rows steps"]]:
    """Samples before and behind an outline that colours are learnt from."""
    away = np.arange(steps) - outline[..., None]
    person = (away < -margin) & (away > -margin - _WIDTH_OF_TEACHING)
    return person, (away > margin) & (away < margin + _WIDTH_OF_TEACHING)


def _learn_head(grids: list[_Grids], person: np.ndarray, background: np.ndarray) -> np.ndarray:
    counts = np.stack([g.rays_count for g in grids]) > 0.5
    colours = np.stack([g.rays for g in grids])
    return learn_odds(colours, person & counts, background & counts, _HEAD_SECTORS)


def _learn_body(
    grids: list[_Grids], head: np.ndarray, shoulders: tuple[np.ndarray, np.ndarray], size: int
) -> np.ndarray:
    """The body's background is what lies above it and is not head."""
    person, background = shoulders
    at_head = np.stack(
        [
            _head_grid(_head_polygon(g.head, np.asarray(h) + _MARGIN), size)
            for g, h in zip(grids, head, strict=True)
        ]
    )
    beside = np.stack([g.head_beside for g in grids])
    colours = np.stack([g.columns for g in grids])
    return learn_odds(colours, person & ~beside & ~at_head, background & ~at_head, _BODY_SECTORS)


def _head_polygon(
    frame: HeadFrame, outline: Float[np.ndarray, " rays"]
) -> Float[np.ndarray, "rays 2"]:
    """An outline in steps as points of the picture."""
    return ray_points(frame, NEAR + outline / (N_STEPS - 1) * (FAR - NEAR))


def _head_grid(polygon: np.ndarray, size: int) -> Bool[np.ndarray, "columns rows"]:
    return polygon_mask(polygon * BODY_GRID / size, BODY_GRID)[::-1].T


def _outlines(
    model: PersonModel, grids: _Grids, size: int, loose: bool
) -> tuple[Float[np.ndarray, " rays"], Float[np.ndarray, " columns"]]:
    """Both outlines of one frame, in steps."""
    step = np.arange(N_STEPS)
    evidence = _COLOUR * apply_odds(model.head_odds, grids.rays) + _MOTION * model.motion
    evidence = evidence * grids.rays_count
    spread = (_LOOSE if loose else _TIGHT) / (FAR - NEAR) * N_STEPS
    expected = _expected_outline(model, grids.rotation)
    prior = 6.0 * ((step - expected[:, None]) / spread) ** 2 / 2
    prior = prior - _EDGE_BONUS * edges(grids.rays) * grids.rays_count
    head = best_outline(evidence, prior, stiffness=1.0).astype(np.float64)

    row = np.arange(BODY_GRID)
    at_head = _head_grid(_head_polygon(grids.head, head + 2), size)
    free = ~at_head
    evidence = _COLOUR * apply_odds(model.body_odds, grids.columns) * free
    spread = (_BODY_LOOSE if loose else _BODY_TIGHT) * grids.face.h * BODY_GRID / size
    prior = 6.0 * np.minimum(((row - model.body_outline[:, None]) / spread) ** 2 / 2, 8.0)
    prior = prior - _EDGE_BONUS * edges(grids.columns) * free
    body = best_outline(evidence, prior, stiffness=0.6).astype(np.float64)
    return head, body


def cut_person(model: PersonModel, view: View) -> Bool[np.ndarray, "h w"]:
    """The person of one frame."""
    size = len(view.image)
    grids = _Grids.of(view)
    head, body = _outlines(model, grids, size, loose=False)
    mask = polygon_mask(_head_polygon(grids.head, head), size)
    scale = size / BODY_GRID
    x = (np.arange(BODY_GRID) + 0.5) * scale
    y = size - body * scale
    below = np.array([[-size, size * 2], [-size, y[0]], *zip(x, y, strict=True)])
    below = np.concatenate([below, [[2 * size, y[-1]], [2 * size, 2 * size]]])
    mask |= polygon_mask(below, size) & ~head_side(view.landmarks, size)
    mask |= polygon_mask(face_polygon(view.landmarks), size)
    return mask | polygon_mask(_spine(grids.face), size)


def _spine(frame: FaceFrame) -> Float[np.ndarray, "n 2"]:
    """Neck and chest, where there is no doubt."""
    right = [frame.at(x, y) for x, y in ((0.3, -0.2), (0.3, 0.1), (0.5, 0.6), (0.7, 6.0))]
    left = [frame.at(x, y) for x, y in ((-0.7, 6.0), (-0.5, 0.6), (-0.3, 0.1), (-0.3, -0.2))]
    return np.array(right + left)
