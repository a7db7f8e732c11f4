"""Training of a prior: one audio encoder for several people, with one lip map each.

An iteration takes one person, drawn by how long they speak; the loss is the lip supervision's
(`train/lips.py`). No image is rendered. People are subjects, or speakers of the synthesizer.
"""

import json
import threading
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from audioplane.assets import check_output
from audioplane.errors import TrainingError
from audioplane.head import Head
from audioplane.run.tensors import load_tensors, prefixed, reading, save_tensors, under
from audioplane.speech import compute_features
from audioplane.speech.kinds import DEFAULT_KIND
from audioplane.subject import FrameRef, Subject
from audioplane.train.config import PRESETS, AudioConfig, ModelConfig, check_seed
from audioplane.train.lips import LipTargets, upright_mouths
from audioplane.train.lock import lock
from audioplane.train.prior import Prior, audio_state, read_prior, write_prior
from audioplane.train.speech_batches import SpeechBatches
from audioplane.train.threads import one_torch_thread

_PROGRESS_EVERY = 10
_RIDGE = 0.1
"""Of an unseen person's lip map, per frame and unit of f_a's variance."""
_INNER = ((13, 19), (14, 18), (15, 17))
"""Upper and lower inner lip, of the mouth's 20 landmarks."""


@dataclass(frozen=True)
class PriorConfig:
    """Every setting of a prior's training; its checkpoint keeps it."""

    speech: str = DEFAULT_KIND
    """Kind of speech features; every subject holds them as aud_<kind>.npy."""
    seed: int = 0
    """Everything random follows from it."""
    synthetic: int = 0
    """Synthetic speakers to learn from, beside the subjects."""
    iterations: int = 4_000
    model: ModelConfig = PRESETS["laptop"].model
    audio: AudioConfig = PRESETS["laptop"].audio
    rate: float = 5e-4
    """Learning rate of the audio encoder; decays to a tenth."""
    networks: float = 1e-3
    """That of the prototypes, queries and lip maps."""
    checkpoint_every: int = 500


@dataclass(frozen=True)
class UnseenScore:
    """How well f_a tells the lips of a person who was not trained on.

    A lip map is fitted to one half of the person's frames and tried on the other, in both orders.
    """

    lmd: float
    """Mean distance of the mouth's landmarks, mean-centred, pixels of the subject's frames."""
    mean_mouth: float
    """The same of a mouth that never moves."""
    mac: float
    """Correlation of the inner lips' opening."""


@dataclass(frozen=True)
class PriorProgress:
    """State of a prior's training after an iteration."""

    iteration: int
    total: int
    loss: float
    """Running mean of the lip loss; 1 is about that of the mean mouth."""


@dataclass(frozen=True)
class PriorWritten:
    """The end of a prior's training."""

    path: Path
    sha256: str
    score: UnseenScore | None
    """Of the held-out person, where there is one."""


PriorEvent = PriorProgress | PriorWritten


def train_prior(
    subjects: Sequence[Subject],
    out: Path,
    config: PriorConfig | None = None,
    held_out: Subject | None = None,
    stop: threading.Event | None = None,
) -> Iterator[PriorEvent]:
    """Train a prior into a file; one that was interrupted goes on, and ends with the same bits.

    Args:
        subjects: Whom to learn from: their training frames. None are needed where `config` asks
            for synthetic speakers.
        out: The file. Until it is written, a checkpoint lies beside it.
        config: All settings.
        held_out: Somebody else, whose score the file keeps.
        stop: Once it is set, a checkpoint is written and the training ends.

    Raises:
        TrainingError: There is nobody, two are one person, the held-out person is among them,
            a number is out of range, the checkpoint is of other settings, or another training
            is at work.
        CheckpointError: The checkpoint is damaged.
        SubjectError: A subject lacks the features or landmarks.
        MediaError: `out` cannot be written.
    """
    config = config or PriorConfig()
    check_seed(config.seed)
    for name in ("iterations", "checkpoint_every"):
        if (value := getattr(config, name)) < 1:
            raise TrainingError(f"{name}={value}: choose 1 or more")
    if config.synthetic < 0:
        raise TrainingError(f"synthetic={config.synthetic}: choose 0 or more")
    out = Path(out)
    check_output(out)
    training = _PriorTraining(subjects, config, held_out)
    kept = out.with_name(out.name + ".checkpoint")
    out.parent.mkdir(parents=True, exist_ok=True)
    with out.with_name(out.name + ".lock").open("a") as file:
        lock(file, out)
        if kept.exists():
            training.resume(kept)
        while training.iteration < config.iterations:
            training.step()
            done = training.iteration
            if done % _PROGRESS_EVERY == 0 or done == config.iterations:
                yield PriorProgress(done, config.iterations, training.loss)
            stopped = stop is not None and stop.is_set()
            if done % config.checkpoint_every == 0 or stopped:
                training.save(kept)
            if stopped:
                return
        yield training.write(out)
        kept.unlink(missing_ok=True)
    out.with_name(out.name + ".lock").unlink(missing_ok=True)


class _PriorTraining:
    """The networks, and everybody's speech and lips."""

    def __init__(self, subjects: Sequence[Subject], config: PriorConfig, held_out: Subject | None):
        _require_different(subjects, held_out)
        self._config, self._held_out = config, held_out
        self._lessons = [_of_subject(subject, config.speech) for subject in subjects]
        self._lessons += [_of_speaker(i, config.speech) for i in range(config.synthetic)]
        if not self._lessons:
            raise TrainingError("subjects: there is nobody to learn from")
        size = self._lessons[0].features.shape[2]
        generator = torch.Generator().manual_seed(config.seed)
        self.head = Head(config.model.shape(size, 1), generator)
        if self.head.prototypes is None:
            raise TrainingError("model.encoder: a prior needs the encoder 'audio-plane'")
        self._people = [lesson.batches(self.head, config.audio) for lesson in self._lessons]
        lengths = [len(p.train_windows) for p in self._people]
        self._shares = torch.tensor(lengths, dtype=torch.float64)
        own = [*self.head.prototypes.parameters()]
        own += [p for person in self._people for p in person.reader.parameters()]
        groups = [(list(self.head.encoder.parameters()), config.rate), (own, config.networks)]
        self._rates = [rate for _, rate in groups]
        self._adam = torch.optim.Adam(
            [{"params": p, "lr": rate} for p, rate in groups], eps=1e-15, fused=True
        )
        self.iteration, self.loss = 0, 1.0

    def step(self) -> None:
        """One iteration."""
        c, i = self._config, self.iteration
        generator = torch.Generator().manual_seed(c.seed * 1_000_003 + i)
        person = self._people[int(torch.multinomial(self._shares, 1, generator=generator))]
        low, high = person.rows
        row = int(torch.randint(low, high + 1, (1,), generator=generator))
        with one_torch_thread():
            loss = person.encode(row, generator).lips
            assert loss is not None
            loss.backward()
        for group, rate in zip(self._adam.param_groups, self._rates, strict=True):
            group["lr"] = rate * 0.1 ** (i / c.iterations)
        self._adam.step()
        self._adam.zero_grad()
        self.iteration, self.loss = i + 1, 0.99 * self.loss + 0.01 * loss.item()

    def _facts(self) -> dict:
        return {
            "config": asdict(self._config),
            "people": [lesson.identity for lesson in self._lessons],
            "held_out": self._held_out.identity if self._held_out else "",
        }

    def save(self, path: Path) -> None:
        """Write a checkpoint."""
        tensors = prefixed("networks", audio_state(self.head))
        for i, person in enumerate(self._people):
            tensors |= prefixed(f"readers/{i}", dict(person.reader.state_dict()))
        for i, moments in self._adam.state_dict()["state"].items():
            tensors |= prefixed(f"adam/{i}", moments)
        save_tensors(path, tensors, self._facts() | {"at": self.iteration, "loss": self.loss})

    def resume(self, path: Path) -> None:
        """Go on from a checkpoint of the same people and settings."""
        tensors, facts = load_tensors(path)
        own = json.loads(json.dumps(self._facts()))
        if {name: facts.get(name) for name in own} != own:
            raise TrainingError(
                f"{path} is of other people or settings: delete it, or choose another file"
            )
        with reading(path):
            self.head.load_state_dict(self.head.state_dict() | under("networks", tensors))
            for i, person in enumerate(self._people):
                person.reader.load_state_dict(under(f"readers/{i}", tensors))
            state = self._adam.state_dict()
            count = sum(len(group["params"]) for group in state["param_groups"])
            state["state"] = {i: under(f"adam/{i}", tensors) for i in range(count)}
            self._adam.load_state_dict(state)
            self.iteration, self.loss = int(facts["at"]), float(facts["loss"])

    def write(self, out: Path) -> PriorWritten:
        """Write the prior."""
        # Statistics of everybody's speech; a head that starts from it takes its own.
        self.head.encoder.calibrate(torch.cat([p.train_windows for p in self._people]))
        speech = self._config.speech
        score = score_unseen(self.head, self._held_out, speech) if self._held_out else None
        prior = Prior(
            tensors=audio_state(self.head),
            speech=speech,
            shape=self.head.shape,
            people=tuple(lesson.identity for lesson in self._lessons),
            consents=tuple(lesson.consent for lesson in self._lessons),
            iterations=self.iteration,
            score=asdict(score) if score else {},
        )
        write_prior(out, prior)
        return PriorWritten(out, read_prior(out).sha256, score)


def _require_different(subjects: Sequence[Subject], held_out: Subject | None) -> None:
    names: dict[str, Path] = {}
    for subject in (*subjects, *([held_out] if held_out else [])):
        if subject.identity in names:
            raise TrainingError(
                f"{subject.paths.root} and {names[subject.identity]} are one subject: a prior "
                "takes everybody once, and scores somebody else"
            )
        names[subject.identity] = subject.paths.root


def _rows(subject: Subject, count: int) -> list[int]:
    return [ref.feature_row(count) for ref in subject.train]


def _track(subject: Subject, refs: Sequence[FrameRef]) -> tuple[np.ndarray, np.ndarray]:
    """Landmarks and views of frames."""
    return np.stack([subject.landmarks(ref) for ref in refs]), np.stack([r.viewmat for r in refs])


@dataclass(frozen=True)
class _Lesson:
    """Somebody's speech and lips."""

    name: str
    identity: str
    consent: str
    features: Float[np.ndarray, "t w f"]
    rows: list[int]
    """Of the features, one a frame."""
    landmarks: np.ndarray
    views: np.ndarray

    def batches(self, head: Head, audio: AudioConfig) -> SpeechBatches:
        """Raises `TrainingError` where the features are not those that the head takes."""
        if self.features.shape[2] != head.shape.feature_dim:
            raise TrainingError(
                f"{self.name}: its speech features have {self.features.shape[2]} values a step, "
                f"those of the first subject {head.shape.feature_dim}: compute them anew"
            )
        return SpeechBatches(
            head, self.features, self.rows, self.landmarks, self.views, audio, lip_weight=1.0
        )


def _of_subject(subject: Subject, kind: str) -> _Lesson:
    features = subject.features(kind)
    return _Lesson(
        str(subject.paths.root),
        subject.identity,
        subject.info.consent,
        features,
        _rows(subject, len(features)),
        *_track(subject, subject.train),
    )


def _of_speaker(seed: int, kind: str) -> _Lesson:
    from audioplane.synthetic import synthetic_speaker

    speaker = synthetic_speaker(seed)
    features, frames = compute_features(speaker.waveform, kind), len(speaker.landmarks)
    name, views = f"synthetic speaker {seed}", np.tile(np.eye(4), (frames, 1, 1))
    return _Lesson(
        name, name, "drawn; no person", features, list(range(frames)), speaker.landmarks, views
    )


@torch.no_grad()
def score_unseen(head: Head, subject: Subject, speech: str) -> UnseenScore:
    """Score the audio side of a head on a person, by lip maps that are fitted by ridge regression.

    Of two halves of the training frames each is predicted from the other. Raises `SubjectError`.
    """
    features = subject.features(speech)
    landmarks, views = _track(subject, subject.train)
    rows = np.array(_rows(subject, len(features)))
    kept = audio_state(head)
    windows = torch.from_numpy(features).to(head.device)
    head.encoder.calibrate(windows[rows.min() : rows.max() + 1])
    codes = head.representations(windows).cpu().double()
    head.load_state_dict(head.state_dict() | kept)
    mouths, middle = upright_mouths(landmarks), len(rows) // 2
    halves = np.arange(middle), np.arange(middle, len(rows))
    found = np.zeros_like(mouths)
    still = np.zeros_like(mouths)
    for own, other in (halves, halves[::-1]):
        targets = LipTargets(mouths[own], views[own], rows[own])
        known = targets.scores[rows[own]].double()
        found[other] = targets.mouths(_read(codes[rows[own]], known, codes[rows[other]]))
        still[other] = mouths[own].mean(0)
    read, true = _opening(found), _opening(mouths)
    correlations = [np.corrcoef(read[half], true[half])[0, 1] for half in halves]
    return UnseenScore(
        lmd=_distance(found, mouths),
        mean_mouth=_distance(still, mouths),
        mac=float(np.nan_to_num(correlations).mean()),
    )


def _read(
    codes: Float[Tensor, "n h"], scores: Float[Tensor, "n s"], others: Float[Tensor, "m h"]
) -> Float[np.ndarray, "m s"]:
    """Scores of other codes by ridge regression."""
    mean, centre = codes.mean(0), scores.mean(0)
    away = codes - mean
    damped = away.T @ away + _RIDGE * len(away) * away.var() * torch.eye(away.shape[1])
    return (centre + (others - mean) @ torch.linalg.solve(damped, away.T @ scores)).numpy()


def _opening(mouths: Float[np.ndarray, "t 20 2"]) -> Float[np.ndarray, " t"]:
    return np.mean([mouths[:, low, 1] - mouths[:, up, 1] for up, low in _INNER], 0)


def _distance(a: Float[np.ndarray, "t 20 2"], b: Float[np.ndarray, "t 20 2"]) -> float:
    off = (a - a.mean(1, keepdims=True)) - (b - b.mean(1, keepdims=True))
    return float(np.linalg.norm(off, axis=2).mean())
