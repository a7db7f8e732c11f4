import errno
from pathlib import Path

import pytest

from audioplane.errors import AudioplaneError, SubjectError
from audioplane.prepare import STAGES, prepare_subject
from audioplane.prepare.record import Record
from audioplane.progress import Progress
from audioplane.subject import load_subject
from tests.prepare.conftest import QUICK, contents


class Killed(BaseException):
    """Passes every handler, as a killed process does."""


A_WRITE_OF = {
    "preflight": "preflight.html",
    "crop": "prepare.json",
    "frames": "ori_imgs/8.jpg",
    "landmarks": "track.safetensors",
    "pose": "track.safetensors",
    "parsing": "parsing/8.png",
    "plates": "torso_imgs/8.png",
    "splits": "subject.json",
    "expression": "expression.npy",
    "body": "body.npy",
}


class Killer:
    """Prepares the figure and kills the preparation at a point."""

    def __init__(self, clip: Path, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._clip, self._out, self._patch = clip, out, monkeypatch

    def kill(self, stage: str, point: str) -> list[str]:
        """Kill within a stage or a write, or once recorded; returns the stages that reported."""
        seen = []

        def report(progress: Progress) -> None:
            seen.append(progress.task)
            if point == "amid" and progress.task == stage and progress.done >= 7:
                raise Killed

        def replace_file(path: Path, target: Path) -> None:
            if point == "writing" and target == self._out / A_WRITE_OF[stage]:
                raise Killed
            real_replace(path, target)

        def save(record: Record) -> None:
            real_save(record)
            if point == "noted" and stage in record.done:
                raise Killed

        real_replace, real_save = Path.replace, Record.save
        with self._patch.context() as patch, pytest.raises(Killed):
            patch.setattr(Path, "replace", replace_file)
            patch.setattr(Record, "save", save)
            prepare_subject(self._clip, self._out, QUICK, report)
        return seen


def test_killed_anywhere_it_continues_to_the_same_files(
    tmp_path, clip, prepared_quick, monkeypatch
):
    out = tmp_path / "s"
    killer = Killer(clip, out, monkeypatch)
    for stage in STAGES:
        for point in ("amid", "writing", "noted"):
            begun = killer.kill(stage, point)
            # What is noted is not done again, what is not noted is.
            assert set(begun) <= {stage}
            if stage not in (
                "splits",
                "expression",
                "body",
            ):  # whose first kill finds all its files written
                with pytest.raises(SubjectError):
                    load_subject(out)
    prepare_subject(clip, out, QUICK)
    assert contents(out) == contents(prepared_quick)


class FullDisk:
    """A file of which only half fits on the disk."""

    def __init__(self, file) -> None:
        self._file = file

    def write(self, data) -> int:
        self._file.write(data[: len(data) // 2])
        raise OSError(errno.ENOSPC, "No space left on device")

    def __getattr__(self, name):
        return getattr(self._file, name)

    def __enter__(self) -> "FullDisk":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


def test_a_full_disk_is_one_clear_line_at_every_file(tmp_path, clip, prepared_quick, monkeypatch):
    out = tmp_path / "s"
    written = [".preflight.html.partial"]
    written += [
        "ori_imgs/.8.jpg.partial",
        ".aud.wav.partial",
        ".aud_mel.npy.partial",
        "ori_imgs/8.lms",
    ]
    written += ["landmark_depth.npy", ".track.safetensors.partial", "pose_report.json"]
    written += ["parsing/.8.png.partial", ".bc.jpg.partial", "torso_imgs/.8.png.partial"]
    written += [".subject.json.partial"]
    written += [".transforms_train.json.partial", ".transforms_val.json.partial"]
    written += [".body.npy.partial"]
    real_open = open
    for name in written:
        met = []

        def limited(file, mode="r", *args, name=name, met=met, **more):
            opened = real_open(file, mode, *args, **more)
            if "w" in mode and Path(file) == out / name:
                met.append(name)
                return FullDisk(opened)
            return opened

        with monkeypatch.context() as patch:
            patch.setattr("io.open", limited)
            patch.setattr("builtins.open", limited)
            with pytest.raises(AudioplaneError, match="no room left .* free some space") as caught:
                prepare_subject(clip, out, QUICK)
            assert "\n" not in str(caught.value)
        assert met == [name]
        assert not list(out.rglob("*.partial"))
        if name != ".body.npy.partial":  # the last, and a subject loads without
            with pytest.raises(SubjectError):
                load_subject(out)
    prepare_subject(clip, out, QUICK)
    assert contents(out) == contents(prepared_quick)
