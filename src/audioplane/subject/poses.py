"""A subject's cameras from transforms files or from the output of prior work's trackers.

- `transforms_train.json` and `transforms_val.json`, as is usual;
- `data_kf.json`, one such file of all frames;
- `track_params.pt`, the tracker's own parameters.

The last two are split as prior work splits: the first 10/11 to train on, the rest held out.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
from jaxtyping import Float

from audioplane.errors import SubjectError
from audioplane.subject.layout import SubjectPaths
from audioplane.subject.transforms import (
    FrameRef,
    Split,
    check_intrinsics,
    check_view,
    opengl_to_viewmat,
    read_split,
)

_TRANSLATION_UNIT = 0.1
"""World units per unit of the tracker."""
_ROUNDING = 0.01
"""Pixels by which two files may state the same intrinsics differently."""


def pose_file(paths: SubjectPaths) -> Path:
    """The file of the training cameras."""
    train = paths.transforms("train")
    if not train.exists() and not paths.transforms("val").exists():
        for path in (paths.all_poses, paths.tracker_params):
            if path.exists():
                return path
    return train


def read_poses(paths: SubjectPaths, size: tuple[int, int]) -> tuple[Split, Split]:
    """Cameras of the training frames and of the held-out ones.

    Args:
        paths: The subject's folder.
        size: Width and height of its frames, pixels.

    Raises:
        SubjectError: No file of cameras is there, or it is not of its format, or training frames
            are held out too.
    """
    path = pose_file(paths)
    if path == paths.tracker_params:
        return _halves(read_track_params(path, frames_with_landmarks(paths), size))
    if path == paths.all_poses:
        (split,) = _renamed((read_split(path),), frames_with_landmarks(paths))
        return _halves(split)
    train, val = (read_split(paths.transforms(name)) for name in ("train", "val"))
    _check_together(paths, train, val)
    if not paths.info.exists():
        train, val = _renamed((train, val), frames_with_landmarks(paths))
    return train, val


def _check_together(paths: SubjectPaths, train: Split, val: Split) -> None:
    """Raise `SubjectError` where two files of cameras cannot be of one recording."""
    files = f"{paths.transforms('train')} and {paths.transforms('val').name}"
    both = {f.img_id for f in train.frames} & {f.img_id for f in val.frames}
    if both:
        raise SubjectError(
            f"{files} both hold frame {min(both)} ({len(both)} such frames): take what is held out "
            "out of the first"
        )
    for name in ("focal", "cx", "cy"):
        one, other = getattr(train, name), getattr(val, name)
        if abs(one - other) > _ROUNDING:
            raise SubjectError(
                f"{files} hold other cameras ({name} is {one:.6g} and {other:.6g} pixels): take "
                "both from one run of the tracker"
            )


def frames_with_landmarks(paths: SubjectPaths) -> list[int]:
    """Frames in which the tracker found a face, in their order; `SubjectPaths.landmarks` are their
    files: others, such as 007.lms, do not count."""
    stems = (file.stem for file in (paths.root / "ori_imgs").glob("*.lms"))
    return sorted(int(stem) for stem in stems if stem.isdecimal() and stem == str(int(stem)))


def _renamed(splits: tuple[Split, ...], ids: list[int]) -> tuple[Split, ...]:
    """The splits with the true names of their frames.

    RAD-NeRF and later systems number the frames that have landmarks instead of naming them, so
    that all poses after one without landmarks belong to other images.
    """
    numbers = sorted(frame.img_id for split in splits for frame in split.frames)
    if numbers != list(range(len(ids))):
        return splits
    return tuple(
        replace(
            split,
            frames=tuple(
                replace(frame, img_id=ids[frame.img_id], aud_id=ids[frame.img_id])
                for frame in split.frames
            ),
        )
        for split in splits
    )


def _halves(split: Split) -> tuple[Split, Split]:
    cut = len(split.frames) * 10 // 11
    return replace(split, frames=split.frames[:cut]), replace(split, frames=split.frames[cut:])


def read_track_params(path: Path, ids: list[int], size: tuple[int, int]) -> Split:
    """Cameras from the AD-NeRF family's tracker: Euler angles, translations and a focal length.

    Args:
        path: `track_params.pt`. No code in it is run.
        ids: Frames of its rows.
        size: Width and height of the frames, pixels.

    Raises:
        SubjectError: It cannot be read, its rows are not those frames, or one is no pose.
    """
    import torch

    try:
        params = torch.load(path, map_location="cpu", weights_only=True)
        euler, trans = (params[k].double().numpy() for k in ("euler", "trans"))
        focal = float(torch.as_tensor(params["focal"]).reshape(-1)[0])
    except Exception as e:  # torch lets any exception of its readers through
        raise SubjectError(
            f"{path} is not from a tracker of the AD-NeRF family ({type(e).__name__}): "
            "track the video again"
        ) from e
    if euler.shape != trans.shape or euler.shape[1:] != (3,):
        raise SubjectError(
            f"{path} holds angles {euler.shape} and translations {trans.shape}, expected [n, 3] "
            "each: track the video again"
        )
    if len(euler) != len(ids):
        raise SubjectError(
            f"{path} holds {len(euler)} poses, but {len(ids)} frames have landmarks in "
            f"{path.parent / 'ori_imgs'}: the frames of the poses are unknown"
        )
    where, frames = "", []
    try:
        check_intrinsics(focal, size[0] / 2, size[1] / 2)
        for i, angles, shift in zip(ids, euler, trans, strict=True):
            where = f"frame {i}: "
            frames.append(FrameRef(i, i, check_view(euler_to_viewmat(angles, shift))))
    except (ValueError, np.linalg.LinAlgError) as e:
        raise SubjectError(f"{path} is damaged ({where}{e}): track the video again") from e
    return Split(focal, size[0] / 2, size[1] / 2, tuple(frames))


def euler_to_viewmat(
    euler: Float[np.ndarray, "3"], trans: Float[np.ndarray, "3"]
) -> Float[np.ndarray, "4 4"]:
    """World→camera of one row of the tracker: x → R_x(θ) R_y(φ) R_z(−ψ) x + trans.

    The tracker's camera has OpenGL axes, its angles are radians and its unit 0.1. The sign of ψ is
    theirs: with it the 728 poses of AD-NeRF's published Obama agree within 0.7° between two files.
    """
    (ct, cp, cs), (st, sp, ss) = np.cos(euler), np.sin(euler)
    about_x = np.array([[1, 0, 0], [0, ct, -st], [0, st, ct]])
    about_y = np.array([[cp, 0, sp], [0, 1, 0], [-sp, 0, cp]])
    about_z = np.array([[cs, ss, 0], [-ss, cs, 0], [0, 0, 1]])
    to_camera = np.eye(4)
    to_camera[:3, :3] = about_x @ about_y @ about_z
    to_camera[:3, 3] = trans * _TRANSLATION_UNIT
    return opengl_to_viewmat(np.linalg.inv(to_camera))
