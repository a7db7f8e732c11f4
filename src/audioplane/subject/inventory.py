"""The inventory of a subject's folder: its contents, what is missing, and what that costs."""

from collections import Counter
from dataclasses import dataclass

import numpy as np

from audioplane.clock import FPS
from audioplane.errors import SubjectError
from audioplane.speech import DEFAULT_KIND
from audioplane.subject.check import check_subject
from audioplane.subject.layout import SubjectPaths
from audioplane.subject.poses import pose_file
from audioplane.subject.subject import Subject, list_names


@dataclass(frozen=True)
class FeatureFacts:
    """One kind of speech features in a folder."""

    shape: tuple[int, ...]
    """Frames, window, features; empty where they cannot be used."""
    problem: str = ""
    """Why they cannot be used."""


@dataclass(frozen=True)
class Inventory:
    """A subject's folder in facts."""

    folder: str
    made_by: str
    """`audioplane`, or prior work."""
    source: str
    consent: str
    size: tuple[int, int]
    """Width and height, pixels."""
    focal: float
    """Pixels."""
    distance: float
    """From the camera to the head's centre, median over the frames, metres."""
    frames: int
    """Of the video."""
    seconds: float
    train: int
    held_out: int
    flags: dict[str, int]
    """Why frames are left out, and how many."""
    poses: str
    """File that the cameras come from."""
    blinks: str
    """Source of the eyes' closure; empty where unknown."""
    body: str
    """Source of the torso's motion; empty where unknown."""
    features: dict[str, FeatureFacts]
    missing: dict[str, str]
    """What is missing, and what that costs."""
    damaged: dict[str, str]
    """Files that cannot be used, and why."""


def take_inventory(subject: Subject) -> Inventory:
    """Take the inventory of a subject's folder. Images are counted and checked, not decoded.

    Raises `SubjectError` where the file of the blinks is damaged.
    """
    paths, info = subject.paths, subject.info
    report = check_subject(subject)
    refs = [*subject.train, *subject.val]
    height, width = subject.background.shape[:2]
    features = {kind: _features(subject, kind) for kind in subject.kinds()}
    flags = dict(Counter(info.flags.values()))
    flags |= {
        f"no {what}, as {list_names(names)}": len(names) for what, names in report.missing.items()
    }
    if report.without_pose:
        flags["no pose"] = report.without_pose
    return Inventory(
        folder=str(paths.root),
        made_by="audioplane" if paths.info.exists() else "prior work of the AD-NeRF family",
        source=info.source,
        consent=info.consent,
        size=(width, height),
        focal=float(subject.K[0, 0]),
        distance=float(np.median([np.linalg.norm(ref.viewmat[:3, 3]) for ref in refs])),
        frames=subject.rows,
        seconds=subject.rows / FPS,
        train=len(subject.train),
        held_out=len(subject.val),
        flags=flags,
        poses=pose_file(paths).name,
        blinks=_blinks(subject, report.bridged),
        body=paths.body.name if paths.body.exists() else "",
        features=features,
        missing=_missing(subject, features),
        damaged=report.damaged,
    )


def _features(subject: Subject, kind: str) -> FeatureFacts:
    try:
        return FeatureFacts(subject.features(kind).shape)
    except SubjectError as e:
        return FeatureFacts((), str(e))


def _blinks(subject: Subject, bridged: int = 0) -> str:
    paths = subject.paths
    found = next((p for p in (paths.track, paths.action_units) if p.exists()), None)
    note = f", {bridged} rows of it without a number interpolated" if bridged else ""
    return f"{found.name}{note}" if found else ""


def _missing(subject: Subject, features: dict[str, FeatureFacts]) -> dict[str, str]:
    """What is missing and what that costs, in a user's words."""
    paths: SubjectPaths = subject.paths
    missing = {}
    usable = [kind for kind, facts in features.items() if facts.shape]
    if not usable:
        missing["speech features"] = (
            f"nothing can be trained: add them with 'audioplane speech {paths.root}'"
        )
    elif not {DEFAULT_KIND, "mel"} & set(usable):
        missing[DEFAULT_KIND] = (
            f"name the kind that is here, 'train --speech {usable[0]}', or add the default with "
            f"'audioplane speech {paths.root}'"
        )
    if not paths.audio.exists():
        missing[paths.audio.name] = "no other kind of speech features can be added"
    if not _blinks(subject):
        missing["blinks"] = "the eyes do not blink: no track.safetensors, no au.csv"
    without = sum(not paths.torso(ref.img_id).exists() for ref in subject.train)
    if without:
        missing["torso_imgs"] = (
            f"{without} training frames: the neck under the chin is made from the frame itself"
        )
    if not subject.val:
        missing["held-out frames"] = "the head cannot be evaluated"
    if paths.info.exists() and not subject.info.consent:
        missing["consent"] = "no consent is on record: 'prepare --consent'"
    return missing
