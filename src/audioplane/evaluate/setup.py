"""The setup of an evaluation: versions, weights, seed, device."""

import platform
import subprocess
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import audioplane

_PACKAGES = ("torch", "numba", "numpy", "opencv-contrib-python", "mediapipe", "av", "gsplat")


@dataclass(frozen=True)
class EvaluationSetup:
    """The setup of an evaluation."""

    audioplane: str
    git_commit: str | None
    """Of the checkout that the package runs from, "+" behind it where files differ; else None."""
    versions: dict[str, str]
    device: str
    head_sha256: str
    """Of the file of the head."""
    iteration: int
    seed: int
    speech: str
    """Feature kind."""
    loss: str
    """What training minimised between images."""
    subject: str
    subject_identity: str
    weights: dict[str, str]
    """Other networks used for the scores: each file's SHA-256, or why there is none."""


def package_versions() -> dict[str, str]:
    """Python and the packages that figures depend on."""
    found = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def git_commit() -> str | None:
    """Commit of the checkout that this package is part of; None where it was installed."""
    here = Path(audioplane.__file__).parent

    def git(*arguments: str) -> str | None:
        try:
            done = subprocess.run(
                ["git", "-C", str(here), *arguments], capture_output=True, text=True, timeout=10
            )
        except (OSError, subprocess.TimeoutExpired):
            return None
        return done.stdout.strip() if done.returncode == 0 else None

    # A virtual environment inside another repository is no checkout of audioplane.
    if git("ls-files", "--error-unmatch", "__init__.py") is None:
        return None
    commit = git("rev-parse", "HEAD")
    return commit + "+" if commit and git("status", "--porcelain", "-uno", ".") else commit
