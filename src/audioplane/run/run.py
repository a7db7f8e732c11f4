"""A trained head on disk, with the footage that it is driven by: a run folder or a pack."""

import json
from collections.abc import Sequence
from copy import copy, deepcopy
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from audioplane.assets import sha256_of
from audioplane.errors import AudioplaneError, CheckpointError, SubjectError
from audioplane.face.regions import mouth_aperture
from audioplane.run.footage import Footage, SubjectFootage
from audioplane.run.head_file import TrainedHead, read_head
from audioplane.run.kept_graph import kept_graph
from audioplane.run.motion_graph import CHOICE, MotionGraph, motion_graph, shown_frames
from audioplane.run.opening import LipOpening, Mouths, lip_opening
from audioplane.run.packed import Pack, read_pack
from audioplane.run.paths import RunPaths
from audioplane.run.rest import rest_code
from audioplane.run.tensors import read_facts, reading
from audioplane.speech import Speech, StreamStatistics, can_compute, can_stream, stream_statistics
from audioplane.subject import FrameRef, Subject, load_subject


@dataclass(frozen=True)
class Run(TrainedHead):
    """A trained head with its footage; `open_run` makes it."""

    path: Path = Path()
    """The run folder or the pack."""
    sha256: str = ""
    """Digest of the head file; of a pack, that of the packed head file."""
    subject_folder: Path | None = None
    """Expected folder of the subject; None if unknown."""
    _pack: Pack | None = field(default=None, repr=False)

    @property
    def name(self) -> str:
        """Of the folder or the pack."""
        return self.path.resolve().stem if self._pack else self.path.resolve().name

    @property
    def packed(self) -> bool:
        """Whether it is a pack, which needs no subject to be driven."""
        return self._pack is not None

    @cached_property
    def subject(self) -> Subject:
        """The subject that the head was trained on.

        Raises `SubjectError` where its folder is not there or holds another subject.
        """
        folder = self.subject_folder
        if folder is None:
            raise SubjectError(
                f"{self.path} does not say where its subject lies: pass subject=…, its folder"
            )
        if not folder.is_dir():
            raise SubjectError(f"{folder} is missing: pass subject=…, the subject's folder")
        subject = load_subject(folder)
        if subject.identity != self.identity:
            raise SubjectError(f"{folder} is not the subject that this head was trained on")
        return subject

    @cached_property
    def footage(self) -> Footage:
        """The source of poses, expressions, torsos and background.

        Raises as `subject` does, and `CheckpointError` where the head is not of its frames' size.
        """
        return self.subject_footage if self._pack is None else self._pack.footage

    @cached_property
    def subject_footage(self) -> SubjectFootage:
        """The footage in the subject's folder, of a pack too. Raises as `footage` does."""
        recorded = self.torso == "recorded"
        numbers = self.head.shape.expression
        footage = SubjectFootage.of(self.subject, list(self.views), recorded, numbers)
        if self.head.detail is not None:
            with reading(self.path if self.packed else RunPaths(self.path).head):
                self.head.detail.require_size(*footage.size)
        return footage

    @cached_property
    def tracked_bodies(self) -> Float[np.ndarray, "n 4 4"] | None:
        """The body's view in every frame of the footage (`View.body`), refined where it is; None
        where it was not tracked."""
        try:
            return np.stack([
                self.bodies[ref.img_id].double().numpy() if self.bodies else self.footage.body(ref)
                for ref in self.footage.refs
            ])  # fmt: skip
        except SubjectError:
            return None

    @cached_property
    def motion(self) -> MotionGraph | None:
        """The motion graph of the footage; None where it is too short or too varied to go on for
        ever without going back. Raises as `subject` does.
        """
        if self._pack is not None:
            return self._pack.motion
        audio = self.subject.paths.audio
        made_of = {
            "choice": CHOICE,
            "head": self.sha256,
            "subject": self.subject.identity,
            "sound": sha256_of(audio) if audio.is_file() else "",
        }
        refs = [ref for shot in self.footage.shots for ref in shot]
        return kept_graph(RunPaths(self.path).motion, made_of, refs, self._made_motion)

    def _made_motion(self) -> MotionGraph | None:
        refs, path = self.footage.refs, self.subject.paths.audio
        views = np.stack([self.view(ref).double().numpy() for ref in refs])
        spoken = np.ones(1 + max(ref.aud_id for ref in refs), bool)
        if path.is_file():
            heard = Speech.read(path).spoken_frames()[: len(spoken)]
            spoken[: len(heard)] = heard
        spoken = spoken[[ref.aud_id for ref in refs]]
        return motion_graph(self.footage, views, self.tracked_bodies, spoken)

    @cached_property
    def voice(self) -> StreamStatistics | None:
        """The voice with which a stream starts; None where the subject has no sound, or the head's
        feature kind cannot be streamed. Raises as `subject` does.
        """
        if self._pack is not None:
            return self._pack.voice
        path = self.subject.paths.audio
        if not path.is_file() or not (can_compute(self.speech) and can_stream(self.speech)):
            return None
        return stream_statistics(Speech.read(path), self.speech)

    @cached_property
    def shown(self) -> Sequence[FrameRef]:
        """`shown_frames` of the footage. Raises as `subject` does."""
        return shown_frames(self.footage, self.motion)

    @cached_property
    def mean_rest(self) -> Float[Tensor, " k"] | None:
        """The mean code of the most closed mouths: of the head file, or for one that is older, of
        its subject; None where neither tells it, or time moves the head."""
        if self.rest_code is not None:
            return self.rest_code
        return None if self._learnt is None else rest_code(self._learnt)

    @cached_property
    def rest(self) -> Float[Tensor, " k"] | None:
        """The code of the mouth at rest: `mean_rest`, with its lips closed."""
        code, law = self.mean_rest, self.opening
        return code if code is None or law is None else law.closed(code)

    @cached_property
    def opening(self) -> LipOpening | None:
        """How far its codes part the lips; likewise."""
        if self.lip_opening is not None:
            return self.lip_opening
        return None if self._learnt is None else lip_opening(self._learnt)

    @cached_property
    def _learnt(self) -> Mouths | None:
        """Codes and recorded apertures of the training frames, where the subject tells them."""
        if self.packed or self.head.times is not None:
            return None
        try:
            features, refs = self.subject.features(self.speech), self.subject.train
            landmarks = np.stack([self.subject.landmarks(ref) for ref in refs])
        except AudioplaneError:
            return None
        rows = [ref.feature_row(len(features)) for ref in refs]
        windows = torch.from_numpy(features).to(self.head.device)
        with torch.no_grad():
            codes = self.head.audio_codes(windows)[rows]
        return Mouths(codes, torch.from_numpy(mouth_aperture(landmarks)))

    def for_driving(self, device: torch.device | str = "cpu") -> "Run":
        """The same run with its head on a device and without the planes, which are for training
        (`Head.fold`; 25 MB). This one keeps its own."""
        own, device = self.head, torch.device(device)
        if own.folded is not None and own.device == device:
            return self
        if own.folded is not None:
            head = deepcopy(own)
        else:
            head = deepcopy(own, {id(own.grid): own.grid})  # but for the planes, which go at once
            with torch.no_grad():
                head.fold(own.space_features(torch.cat(own.moving())))
        run = copy(self)  # with the footage, where it has been opened
        vars(run)["head"] = head.to(device)
        return run

    def view(self, ref: FrameRef) -> Float[Tensor, "4 4"]:
        """World→camera matrix of a frame: refined for training frames, else as tracked."""
        refined = self.views.get(ref.img_id)
        if refined is not None:
            return refined
        return torch.from_numpy(np.asarray(ref.viewmat)).float()


def open_run(path: Path | str, subject: Path | str | None = None) -> Run:
    """Open a trained head: the folder that `train` writes, or a pack.

    Args:
        path: The run folder or the pack.
        subject: The subject's folder, if it is not where it was when the head was trained.

    Raises:
        CheckpointError: Nothing is there, or it is damaged or of another version.
    """
    path, folder = Path(path), None if subject is None else Path(subject)
    if path.is_file():
        pack = read_pack(path)
        return Run(**vars(pack.trained), path=path, sha256=pack.head_sha256,
                   subject_folder=folder, _pack=pack)  # fmt: skip
    paths = RunPaths(path)
    if not paths.head.exists():
        raise CheckpointError(f"{path} holds no trained head: train one first, or check the name")
    trained = read_head(paths.head)
    if not trained.consent:
        trained = replace(trained, consent=_stated_consent(paths))
    folder = folder or _known_subject(paths)
    return Run(
        **vars(trained),
        path=path,
        sha256=sha256_of(paths.head),
        subject_folder=folder,
    )


def describe_run(run: Run) -> dict[str, object]:
    """Facts about a run or pack, for JSON; of footage only for a pack."""
    head = run.head
    facts: dict[str, object] = {
        "kind": "pack" if run.packed else "run",
        "sha256": run.sha256,
        "gaussians": len(head.gaussians),
        "moved_by_audio": len(head.moving()[0]),
        "torso": run.torso,
        "speech": run.speech,
        "iteration": run.iteration,
        "loss": run.loss,
        "seed": run.seed,
        "subject": run.identity,
        "consent": run.consent or "not stated",
        "settings": run.settings,
    }
    if run.packed:
        width, height = run.footage.size
        facts |= {"size": f"{width} x {height}", "footage_frames": len(run.footage.refs)}
    return facts


def _known_subject(paths: RunPaths) -> Path | None:
    """The subject's folder when the head was trained; relative to the run if so recorded."""
    try:
        named = json.loads(paths.config.read_text())["subject"]
    except (OSError, ValueError, KeyError, TypeError):
        named = read_facts(paths.head).get("subject")  # heads of version 1
    return (paths.root / named).resolve() if isinstance(named, str) and named else None


def _stated_consent(paths: RunPaths) -> str:
    """Who consented, as stated when the head was first driven; empty if never stated."""
    try:
        return paths.consent.read_text().strip() if paths.consent.exists() else ""
    except (OSError, ValueError) as e:
        raise CheckpointError(f"{paths.consent} cannot be read ({e})") from e
