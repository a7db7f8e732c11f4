"""The layout of a subject folder, shared with the AD-NeRF family."""

from dataclasses import dataclass
from pathlib import Path

FORMAT_VERSION = 1
"""Version of `subject.json`; a folder with another one is refused."""


@dataclass(frozen=True)
class SubjectPaths:
    """Paths of the files in a subject folder; `i` is a frame's `img_id`."""

    root: Path

    @property
    def info(self) -> Path:
        return self.root / "subject.json"

    @property
    def track(self) -> Path:
        return self.root / "track.safetensors"

    @property
    def body(self) -> Path:
        return self.root / "body.npy"

    @property
    def expressions(self) -> Path:
        return self.root / "expression.npy"

    @property
    def tracker_params(self) -> Path:
        """Poses of the AD-NeRF family's tracker, used without transforms files."""
        return self.root / "track_params.pt"

    @property
    def all_poses(self) -> Path:
        """Poses of all frames in one file, as users of ER-NeRF share them."""
        return self.root / "data_kf.json"

    @property
    def action_units(self) -> Path:
        """OpenFace's table, the source of blinks in prior work."""
        return self.root / "au.csv"

    @property
    def background(self) -> Path:
        return self.root / "bc.jpg"

    @property
    def audio(self) -> Path:
        return self.root / "aud.wav"

    def transforms(self, split: str) -> Path:
        return self.root / f"transforms_{split}.json"

    def features(self, kind: str) -> Path:
        return self.root / f"aud_{kind}.npy"

    def original(self, i: int) -> Path:
        return self.root / "ori_imgs" / f"{i}.jpg"

    def landmarks(self, i: int) -> Path:
        return self.root / "ori_imgs" / f"{i}.lms"

    def image(self, i: int) -> Path:
        return self.root / "gt_imgs" / f"{i}.jpg"

    def composed(self, i: int) -> Path:
        """AD-NeRF's name of `image`."""
        return self.root / "com_imgs" / f"{i}.jpg"

    def torso(self, i: int) -> Path:
        return self.root / "torso_imgs" / f"{i}.png"

    def parsing(self, i: int) -> Path:
        return self.root / "parsing" / f"{i}.png"

    def alpha(self, i: int) -> Path:
        return self.root / "alpha" / f"{i}.png"

    def make_folders(self) -> None:
        """Create the root and its image folders."""
        for name in ("ori_imgs", "gt_imgs", "torso_imgs", "parsing", "alpha"):
            (self.root / name).mkdir(parents=True, exist_ok=True)
