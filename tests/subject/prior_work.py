"""Folders as from the scripts of prior work, made from a synthetic subject, with their quirks."""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from scipy.spatial.transform import Rotation

from audioplane.subject import FrameRef, Subject
from audioplane.subject.transforms import viewmat_to_opengl

FLIP = np.diag([1.0, -1.0, -1.0, 1.0])
LOST = 7
"""The frame in which no face was found."""


@dataclass(frozen=True)
class PriorFolder:
    """A folder and its ground truth."""

    root: Path
    viewmats: dict[int, np.ndarray]
    """World→camera by frame, in prior work's world, whose y points up."""
    kind: str
    """The speech features in it."""
    features: np.ndarray


def _frames(subject: Subject) -> list[FrameRef]:
    return [*subject.train, *subject.val]


def _begin(subject: Subject, root: Path, folders: tuple[str, ...]) -> dict[int, np.ndarray]:
    """Copy what all share; frame `LOST` keeps its images but has no landmarks."""
    root.mkdir()
    for name in folders:
        shutil.copytree(subject.paths.root / name, root / name)
    for name in ("bc.jpg", "aud.wav"):
        shutil.copy(subject.paths.root / name, root / name)
    (root / "ori_imgs" / f"{LOST}.lms").unlink()
    return {f.img_id: f.viewmat @ FLIP for f in _frames(subject) if f.img_id != LOST}


def _entry(number: int, viewmat: np.ndarray, **more: object) -> dict[str, object]:
    matrix = viewmat_to_opengl(viewmat).tolist()
    return {"img_id": number, "aud_id": number, "transform_matrix": matrix, **more}


def _write_json(path: Path, subject: Subject, frames: list[dict[str, object]]) -> None:
    K = subject.K
    facts = {"focal_len": K[0, 0], "cx": K[0, 2], "cy": K[1, 2], "frames": frames}
    path.write_text(json.dumps(facts))


def _write_transforms(root: Path, subject: Subject, frames: list[dict[str, object]]) -> None:
    cut = len(frames) * 10 // 11
    _write_json(root / "transforms_train.json", subject, frames[:cut])
    _write_json(root / "transforms_val.json", subject, frames[cut:])


def _write_action_units(root: Path, blinks: np.ndarray) -> None:
    """OpenFace's table: rows from frame 1 on, spaces in header and cells."""
    rows = ["frame, face_id, timestamp, confidence, success, AU43_r, AU45_r, AU45_c"]
    for i, blink in enumerate(blinks):
        rows.append(f"{i + 1},  0,  {i / 25:.3f},  0.98,  1, 9.00, {2 * blink:.2f}, 1.00")
    (root / "au.csv").write_text("\n".join(rows) + "\n")


def _speech(subject: Subject, window: int, size: int, short: int) -> np.ndarray:
    """Features of prior work's shape that still follow the speech."""
    mel = subject.features("mel")
    return np.tile(mel, 1 + size // mel.shape[2])[: len(mel) - short, :window, :size]


def ad_nerf(subject: Subject, root: Path) -> PriorFolder:
    """Frames named by their own number; composed images, no torsos; `aud.npy` in doubles."""
    viewmats = _begin(subject, root, ("ori_imgs", "parsing"))
    shutil.copytree(subject.paths.root / "gt_imgs", root / "com_imgs")
    shutil.copytree(subject.paths.root / "gt_imgs", root / "head_imgs")
    entries = [_entry(i, v, face_rect=[9, 9, 40, 40]) for i, v in viewmats.items()]
    _write_transforms(root, subject, entries)
    features = _speech(subject, 16, 29, short=0)
    np.save(root / "aud.npy", features.astype(np.float64))
    return PriorFolder(root, viewmats, "ds", features)


def er_nerf(subject: Subject, root: Path) -> PriorFolder:
    """Frames numbered past the lost one, so that their names are wrong; features a row short."""
    viewmats = _begin(subject, root, ("ori_imgs", "parsing", "gt_imgs", "torso_imgs"))
    _write_transforms(root, subject, [_entry(k, v) for k, v in enumerate(viewmats.values())])
    _write_action_units(root, np.linspace(0, 1, len(viewmats) + 1))
    features = _speech(subject, 16, 44, short=1)
    np.save(root / "aud_eo.npy", features)
    return PriorFolder(root, viewmats, "eo", features)


def key_frames(subject: Subject, root: Path) -> PriorFolder:
    """As `er_nerf`, with all poses in one file."""
    made = er_nerf(subject, root)
    entries = [_entry(k, v) for k, v in enumerate(made.viewmats.values())]
    _write_json(root / "data_kf.json", subject, entries)
    for split in ("train", "val"):
        (root / f"transforms_{split}.json").unlink()
    return made


def gaussian_talker(subject: Subject, root: Path) -> PriorFolder:
    """Poses in the tracker's own file alone."""
    viewmats = _begin(subject, root, ("ori_imgs", "parsing", "gt_imgs", "torso_imgs"))
    to_camera = np.stack([FLIP @ v for v in viewmats.values()])
    angles = Rotation.from_matrix(to_camera[:, :3, :3]).as_euler("XYZ") * [1, 1, -1]
    tracked = {
        "id": torch.zeros(1, 100),
        "exp": torch.zeros(len(viewmats), 79),
        "euler": torch.from_numpy(angles).float(),
        "trans": torch.from_numpy(10 * to_camera[:, :3, 3]).float(),
        "focal": torch.tensor([subject.K[0, 0]]),
        "vertices": torch.zeros(len(viewmats), 12, 3),
    }
    torch.save(tracked, root / "track_params.pt")
    _write_action_units(root, np.linspace(0, 1, len(viewmats) + 1))
    features = _speech(subject, 16, 29, short=1)
    np.save(root / "aud_ds.npy", features)
    return PriorFolder(root, viewmats, "ds", features)


def talking_gaussian(subject: Subject, root: Path) -> PriorFolder:
    """Masks of the teeth, and HuBERT's two steps a frame."""
    made = er_nerf(subject, root)
    (root / "teeth_mask").mkdir()
    for i in made.viewmats:
        np.save(root / "teeth_mask" / f"{i}.npy", np.zeros((64, 64), bool))
    features = _speech(subject, 2, 1024, short=0)
    np.save(root / "aud_hu.npy", features)
    return PriorFolder(root, made.viewmats, "hu", features)


MAKERS: dict[str, Callable[[Subject, Path], PriorFolder]] = {
    "AD-NeRF": ad_nerf,
    "ER-NeRF": er_nerf,
    "ER-NeRF, data_kf.json": key_frames,
    "GaussianTalker": gaussian_talker,
    "TalkingGaussian": talking_gaussian,
}
