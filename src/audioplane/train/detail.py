"""The detail map of a trained head, from what its renders lack of training frames.

The texture is that of one frame, not a mean: pores and grain change from frame to frame, and a mean
has none of them. Where frames disagree about fine texture, along lips, lids and hair, the mean of
all is kept and the frame's own is faded out.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Float32
from torch import Tensor

from audioplane.clock import spread_over
from audioplane.face.regions import eyes_mask, face_width, mouth_mask
from audioplane.head import DetailMap, Gaussians, Motion, View, follow_body, splat_head
from audioplane.head.detail import carried, seen_at, vertices
from audioplane.head.detail_kernels import LEVEL, STEP
from audioplane.run import TrainedHead
from audioplane.splat.constants import ALPHA_MAX, ALPHA_MIN
from audioplane.splat.reference import project
from audioplane.subject import FrameRef, Subject

_FRAMES = 24
"""Training frames that are looked at."""
_CARRIERS = 8
"""Gaussians that carry a vertex."""
_COVERED = 0.3
"""Share that Gaussians have of the image at a vertex that is on the head."""
_FINE = 2.5
"""Standard deviation of the blur that the texture is what lies above of, pixels."""
_FINEST = 1.4
"""The same of what is finer still: there skin gets the recording's own deviation."""
_STRONGEST = 1.5
"""Most that a frame's own texture is multiplied by for it."""
_CALM = 1.3
"""Times the skin's own deviation between frames from which on their texture is faded out."""
_AROUND = 6.0
"""Standard deviation of the window of that deviation, pixels."""
_FLOW_BLUR, _FLOW_MOST = 4.0, 3.0
"""Of the flow that lays the recording over the render, pixels."""
_MOUTH, _MOUTH_FADES = 0.12, 0.04
"""How far the mouth's mask reaches beyond the outer lip, and the deviation of its blur, in widths
of the face: what moves most must not carry a still image."""
_EYES, _EYES_FADE = 0.03, 0.012
"""The same of the eyes beyond their lids' edges: a lid that closes must not carry an iris."""
_SKIN = 0.3
"""Quantile of the deviations inside the face that is its skin's."""

Grey = Float32[np.ndarray, "h w"]


@dataclass(frozen=True)
class _Shown:
    """One training frame as the head shows it, in byte values of luminance."""

    ref: FrameRef
    render: Grey
    recording: Grey
    """Laid over the render."""
    coverage: Grey
    gaussians: Gaussians
    """Where they are drawn."""
    view: View


@torch.no_grad()
def learn_detail(trained: TrainedHead, subject: Subject) -> DetailMap:
    """The detail map of a head, of frames of its training.

    Raises `MediaError` where an image of the subject is damaged.
    """
    known = [ref for ref in subject.train if ref.img_id in trained.views]
    refs = [known[i] for i in spread_over(len(known), _FRAMES)]
    frames = list(_shown(trained, subject, refs))
    index = _reference(frames)
    reference = frames[index]
    mesh = _mesh(reference)
    points = _carried(reference, mesh).numpy()
    grids = [_texels(_carried(frame, mesh).numpy() - points, frame) for frame in frames]
    render, recording = (
        np.stack([
            cv2.remap(getattr(frame, name), x, y, cv2.INTER_CUBIC)
            for frame, (x, y) in zip(frames, grids, strict=True)
        ])
        for name in ("render", "recording")
    )  # fmt: skip
    inside = np.clip((reference.coverage - 0.9) / 0.09, 0, 1)
    face = _face(subject, reference.ref)
    texture = _texture(render, recording, index, face & (inside == 1))
    texture *= inside * (1 - _lively(subject, reference.ref))
    most = np.iinfo(np.int8).max
    whole = np.clip(np.rint(texture / LEVEL), -most, most).astype(np.int8)
    origins = torch.from_numpy(points).float()
    return DetailMap(torch.from_numpy(whole), *mesh, origins)


def _shown(trained: TrainedHead, subject: Subject, refs: Sequence[FrameRef]) -> Iterator[_Shown]:
    """Frames as driving draws them, by the speech and the expression that belong to them."""
    head, recorded = trained.head, trained.torso == "recorded"
    features = torch.from_numpy(subject.features(trained.speech))
    codes, weights = head.audio_codes(features), head.body_weights()
    K = torch.from_numpy(subject.K).float()
    height, width = subject.background.shape[:2]
    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    for ref in refs:
        numbers = torch.from_numpy(subject.expression_of(ref, head.shape.expression)).float()
        motion = Motion(codes[min(ref.aud_id, len(codes) - 1)], head.expression(numbers))
        gaussians, dynamism = head.deform(motion)
        body = trained.bodies.get(ref.img_id)
        view = View(trained.views[ref.img_id], K, width, height, body)
        gaussians = follow_body(gaussians, weights, view.viewmat, view.body)
        plate = subject.plate(ref) if recorded else subject.background
        splat = splat_head(gaussians, dynamism, view, torch.from_numpy(plate).float() / 255)
        render = np.clip(255 * splat.image[..., :3].numpy(), 0, 255)
        dark, light = _luminance(render), _luminance(subject.image(ref).astype(np.float32))
        laid = _laid_over(dark, light, flow)
        yield _Shown(ref, dark, laid, splat.alpha.numpy(), gaussians, view)


def _luminance(image: Float32[np.ndarray, "h w 3"]) -> Grey:
    return np.ascontiguousarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY))


def _laid_over(render: Grey, recording: Grey, flow: cv2.DISOpticalFlow) -> Grey:
    """The recording where the render shows it: poses and lips are a pixel or two off."""
    moved = flow.calc(render.astype(np.uint8), recording.astype(np.uint8), None)  # type: ignore[call-overload]
    moved = np.clip(cv2.GaussianBlur(moved, (0, 0), _FLOW_BLUR), -_FLOW_MOST, _FLOW_MOST)
    y, x = np.mgrid[: render.shape[0], : render.shape[1]].astype(np.float32)
    return cv2.remap(recording, x + moved[..., 0], y + moved[..., 1], cv2.INTER_CUBIC)


def _reference(frames: Sequence[_Shown]) -> int:
    """The frame that is shown best, of the quarter that looks most where the head mostly looks."""
    facing = np.stack([frame.view.viewmat[2, :3].numpy() for frame in frames])
    turned = np.linalg.norm(facing - np.median(facing, axis=0), axis=1)
    errors = [
        (f.coverage * np.abs(f.recording - f.render)).sum() / f.coverage.sum() for f in frames
    ]
    frontal = np.argsort(turned, kind="stable")[: max(1, len(frames) // 4)]
    return int(min(frontal, key=lambda i: errors[i]))


def _mesh(reference: _Shown) -> tuple[Tensor, Tensor]:
    """Carriers and their weights: what is blended into each vertex, and where nothing is, that of
    the nearest vertex where something is."""
    g, view = reference.gaussians, reference.view
    means, covariances, depths = project(
        g.means, g.quats, g.log_scales.exp(), view.viewmat, view.K, view.width, view.height
    )
    order = depths.argsort(stable=True)
    means, conics = means[order], torch.linalg.inv(covariances)[order]
    opacities = g.logits.sigmoid()[order]
    places = vertices(view.height, view.width)
    shape, flat, found = (*places.shape[:2], -1), places.view(-1, 2), []
    for some in flat.split(256):
        offset = some[:, None] - means
        exponent = torch.einsum("vni,nij,vnj->vn", offset, conics, offset)
        alpha = (opacities * torch.exp(-exponent / 2)).clamp_max(ALPHA_MAX)
        alpha = torch.where(alpha < ALPHA_MIN, 0, alpha)
        clear = torch.cumprod(1 - alpha, 1)
        share = alpha * torch.cat([torch.ones(len(some), 1), clear[:, :-1]], 1)
        found.append(share.topk(min(_CARRIERS, len(means)), dim=1))
    shares, chosen = (
        torch.cat([getattr(f, name) for f in found]) for name in ("values", "indices")
    )
    covered = shares.sum(1) >= shares.sum(1).max().clamp_max(_COVERED)
    nearest = torch.cdist(flat, flat[covered]).argmin(1)
    shares, carriers = shares[covered][nearest], order[chosen[covered][nearest]]
    weights = shares / shares.sum(1, keepdim=True)
    return carriers.int().view(shape), weights.view(shape)


def _carried(frame: _Shown, mesh: tuple[Tensor, Tensor]) -> Tensor:
    """Where the carriers' mean is in a frame, pixels [r, c, 2]."""
    return carried(seen_at(frame.gaussians.means, frame.view), *mesh)


def _texels(moved: Float32[np.ndarray, "r c 2"], frame: _Shown) -> tuple[Grey, Grey]:
    """Indices x and y of the frame's pixels that show those of the reference."""
    height, width = frame.render.shape
    y, x = np.mgrid[:height, :width].astype(np.float32)
    at = cv2.remap(moved, (x + 0.5) / STEP, (y + 0.5) / STEP, cv2.INTER_LINEAR)
    return x + at[..., 0], y + at[..., 1]


def _face(subject: Subject, ref: FrameRef) -> Bool[np.ndarray, "h w"]:
    """The hull of a frame's landmarks."""
    drawn = np.zeros(subject.background.shape[:2], np.uint8)
    hull = cv2.convexHull(subject.landmarks(ref).astype(np.int32))
    return cv2.fillConvexPoly(drawn, hull, 1) > 0


def _lively(subject: Subject, ref: FrameRef) -> Grey:
    """1 on mouth and eyes of a frame, fading out around them."""
    landmarks, size = subject.landmarks(ref), subject.background.shape[:2]
    width = face_width(landmarks)
    mouth = mouth_mask(landmarks, *size, dilation=_MOUTH).astype(np.float32)
    eyes = eyes_mask(landmarks, *size, dilation=_EYES).astype(np.float32)
    return np.maximum(
        cv2.GaussianBlur(mouth, (0, 0), _MOUTH_FADES * width),
        cv2.GaussianBlur(eyes, (0, 0), _EYES_FADE * width),
    )


def _texture(
    render: Float32[np.ndarray, "n h w"],
    recording: Float32[np.ndarray, "n h w"],
    index: int,
    face: Bool[np.ndarray, "h w"],
) -> Grey:
    """The texture, of frames laid over the reference, which is that of an index."""
    lacking = np.stack([
        _finer(a - b, _FINE) for a, b in zip(recording, render, strict=True)
    ])  # fmt: skip
    lasting = lacking.mean(0)
    apart = np.sqrt(cv2.GaussianBlur(((lacking - lasting) ** 2).mean(0), (0, 0), _AROUND))
    if not face.any():  # a head that hides its background nowhere
        return lasting
    skin = float(np.quantile(apart[face], _SKIN))
    own = np.minimum(1, _CALM * skin / np.maximum(apart, 1e-3)) ** 1.5 * (lacking[index] - lasting)
    calm = face & (apart <= _CALM * skin)
    asked = np.mean([_finer(x, _FINEST)[calm].var() for x in recording])
    shown = np.mean([_finer(x + lasting, _FINEST)[calm].var() for x in render])
    added = max(float(_finer(own, _FINEST)[calm].var()), 1e-6)
    factor = float(np.sqrt(max(0.0, asked - shown) / added))
    return lasting + min(factor, _STRONGEST) * own


def _finer(image: Grey, sigma: float) -> Grey:
    return image - cv2.GaussianBlur(image, (0, 0), sigma)
