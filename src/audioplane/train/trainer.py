"""The two training stages (paper §3.5, §4.1) as a loop that yields events."""

import math
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import asdict, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from audioplane.errors import TrainingError
from audioplane.face.regions import mouth_aperture
from audioplane.head import Gaussians, Head, Motion, follow_body
from audioplane.perceptual import LPIPS
from audioplane.run import RunPaths, TrainedHead, write_head
from audioplane.run.head_file import fill_head, head_tensors
from audioplane.run.opening import Mouths, lip_opening
from audioplane.run.rest import rest_code
from audioplane.run.tensors import prefixed, reading, under
from audioplane.speech.familiarity import Familiarity
from audioplane.splat import Splat
from audioplane.subject import FrameRef, Subject
from audioplane.train.checkpoint import RunIdentity, read_checkpoint, write_checkpoint
from audioplane.train.config import TrainConfig
from audioplane.train.density import DensityControl, DensityLimits
from audioplane.train.drivers import assign_drivers, expression_numbers, learn_range
from audioplane.train.events import (
    CheckpointSaved,
    Progress,
    RunningMeans,
    TrainEvent,
    Validated,
)
from audioplane.train.frame_loss import FrameLoss, mean_dynamism
from audioplane.train.frames import FrameStore, TrainFrame
from audioplane.train.initial import decided_for, start_head
from audioplane.train.losses import ExtraLosses, ImageLoss
from audioplane.train.optim import EMA_EVERY, Ema, Optimisers
from audioplane.train.poses import RefinedViews
from audioplane.train.prior import Prior, started_from
from audioplane.train.schedule import Schedule, closed_eyes
from audioplane.train.speech_batches import SpeechBatches, learn_familiarity
from audioplane.train.threads import one_torch_thread
from audioplane.train.validation import is_worth_keeping, judge

_PROGRESS_EVERY = 10
_CENTRE_EVERY = 100
_MANY = 25_000
"""Gaussians that move, from which on PyTorch's other threads save more than they cost."""
_TOO_LARGE = 0.5
"""Head widths: a Gaussian this large is removed."""


class Trainer:
    """One run on one subject. `run` goes through all iterations that are left."""

    def __init__(
        self,
        subject: Subject,
        config: TrainConfig,
        device: torch.device | str = "cpu",
        lpips: LPIPS | None = None,
        extra_losses: ExtraLosses | None = None,
        prior: Prior | None = None,
    ):
        """Raises `TrainingError` or `SubjectError` if the subject cannot be trained on.

        Whatever is random is drawn on the CPU: every device trains on the same.
        """
        config, prior = started_from(decided_for(subject, config), prior)
        extra_losses = dict(extra_losses or {})
        weights = config.loss if config.model.dynamism else replace(config.loss, mask=0.0)
        loss = ImageLoss(weights, lpips, extra_losses, device)
        self._frame_loss = FrameLoss(loss, subject.K, subject.background.shape[1], device)
        self.subject, self.config = subject, config
        features = subject.features(config.speech)
        n_val = max(1, round(config.validation_share * len(subject.train)))
        if len(subject.train) - n_val < 10:
            raise TrainingError(
                f"{len(subject.train)} training frames are too few: bring a longer video"
            )
        self.train_refs, self.val_refs = subject.train[:-n_val], subject.train[-n_val:]
        self._identity = RunIdentity(
            config,
            {name: weight for name, (weight, _) in extra_losses.items()},
            subject.identity,
            [ref.img_id for ref in self.train_refs],
        )
        landmarks = np.stack([subject.landmarks(ref) for ref in self.train_refs])
        self._schedule = Schedule(
            config, len(landmarks), self._frame_loss.full_size, closed_eyes(landmarks)
        )
        generator = torch.Generator().manual_seed(config.seed)
        numbers = expression_numbers(config.model)
        self.head = Head(config.model.shape(features.shape[2], len(features), numbers), generator)
        if prior is not None:
            prior.put_into(self.head, config.speech)
        learn_range(self.head, subject, self.train_refs)
        self._start = start_head(self.head, subject, self.train_refs, config, generator)
        self.head_width = self._start.head_width
        self._assign_drivers()
        self.head.to(device)
        rows = [ref.feature_row(len(features)) for ref in self.train_refs]
        views = np.stack([ref.viewmat for ref in self.train_refs])
        self.batches = SpeechBatches(
            self.head, features, rows, landmarks, views, config.audio, config.loss.lips
        )
        self.views = RefinedViews(views, self._body_views(), self.head_width)
        self._make_optimisers()
        self.density = DensityControl(len(self.head.gaussians), device)
        self.frames = FrameStore(subject, person=self.head.body is not None)
        self.ema = Ema()
        self.iteration = 0
        self.best = math.inf
        self._means = RunningMeans()

    def _body_views(self) -> Float[np.ndarray, "n 4 4"] | None:
        """Of a head with a body. Raises `SubjectError` where the body has not been tracked."""
        if self.head.body is None:
            return None
        return np.stack([self.subject.body_view(ref) for ref in self.train_refs])

    def _make_optimisers(self) -> None:
        c = self.config
        stages = (c.coarse_iterations, c.fine_iterations)
        self.optimisers = Optimisers(
            self.head, self.batches.reader, c.rates, self.head_width, stages, bool(c.prior)
        )

    @property
    def loss_name(self) -> str:
        """What is minimised between images, for people."""
        extra = [f"{weight} {name}" for name, weight in self._identity.extra_losses.items()]
        return " + ".join([self.config.loss.describe(), *extra])

    @property
    def total(self) -> int:
        """Iterations of both stages."""
        return self.config.iterations

    def _row(self, ref: FrameRef) -> int:
        return ref.feature_row(len(self.batches.windows))

    def _assign_drivers(self, settled: bool = False) -> None:
        moving = self.config.model.moving
        assign_drivers(self.head, self._start.views, self.subject.K, moving, settled)

    def run(self, out: Path, stop: threading.Event | None = None) -> Iterator[TrainEvent]:
        """Train to the end, writing checkpoints into `out`.

        Once `stop` is set, one more is written after the iteration at work, and it ends there.

        Raises `TrainingError` on a number that is not finite, on audio collapse, or where the disk
        fails; the last checkpoint stands.
        """
        paths = RunPaths(out)
        try:
            while self.iteration < self.total:
                with self._threads():
                    self._step()
                self.iteration += 1
                stopped = stop is not None and stop.is_set()
                yield from self._after_step(paths, stopped)
                if stopped:
                    return
        finally:
            self.frames.close()

    def _threads(self) -> AbstractContextManager[None]:
        """Those that an iteration's matrix products are worth."""
        moving = torch.count_nonzero(self.head.moved_by)
        return nullcontext() if moving >= _MANY else one_torch_thread()

    def _after_step(self, paths: RunPaths, stopped: bool) -> Iterator[TrainEvent]:
        c, i, last = self.config, self.iteration, self.iteration == self.total
        if i % _PROGRESS_EVERY == 0 or last:
            yield self.progress()
        if i % EMA_EVERY == 0 and self._schedule.takes_ema(i):
            self.ema.add(self.head)
        if i > c.coarse_iterations and i % c.validate_every == 0 or last:
            with self.kept_weights():
                event = self._validate()
                if event.kept:
                    self.save_head(paths.head)
            yield event
        if i % c.checkpoint_every == 0 or last or stopped:
            self.save(paths.checkpoint(i))
            paths.drop_old()
            yield CheckpointSaved(i, paths.checkpoint(i))

    @contextmanager
    def kept_weights(self) -> Iterator[None]:
        """The head as it is kept: with its EMA and with the audio statistics that belong to it."""
        with self.ema.applied_to(self.head):
            self.head.encoder.calibrate(self.batches.train_windows)
            yield

    def progress(self) -> Progress:
        """Where the run stands."""
        stage = "fine" if self.iteration > self.config.coarse_iterations else "coarse"
        m, n = self._means, len(self.head.gaussians)
        return Progress(
            self.iteration, self.total, stage, m.loss, m.psnr, n, m.spread, m.inside, m.outside
        )

    def _step(self) -> None:
        c, i, plan = self.config, self.iteration, self._schedule
        fine = i >= c.coarse_iterations
        refining = c.rates.poses > 0 and i >= c.rates.poses_from
        generator, index = plan.generator(i), plan.frame(i)
        ref = self.train_refs[index]
        frame = self.frames.get(ref, plan.width(i))
        if i + 1 < self.total:
            self.frames.expect(self.train_refs[plan.frame(i + 1)], plan.width(i + 1))

        viewmat, body = self.views.of(index, refining)
        gaussians = self.head.gaussians
        dynamism, extra = gaussians.logits.new_zeros(len(gaussians)), 0.0
        if fine:
            speech = self.batches.encode(self._row(ref), generator)
            self._means.add(spread=speech.spread)
            if speech.lips is not None:
                extra = c.loss.lips * speech.lips
            gaussians, dynamism = self.head.deform(Motion(speech.code, self._expression_code(ref)))
        gaussians = follow_body(gaussians, self.head.body_weights(), viewmat, body)
        with self._finite():
            result = self._frame_loss(i, frame, viewmat, gaussians, dynamism, fine, generator)
        if fine and i % _PROGRESS_EVERY == 0:
            self._means.add(**mean_dynamism(result))
        loss = result.loss + extra
        value = loss.item()
        if not math.isfinite(value):
            raise TrainingError(self._not_finite("the loss"))
        result.splat.means2d.retain_grad()
        loss.backward()
        self._means.add(loss=value, psnr=result.psnr)
        self._move(result.splat, frame, fine, refining)

    def _move(self, splat: Splat, frame: TrainFrame, fine: bool, refining: bool) -> None:
        c, i = self.config, self.iteration
        if i < c.density.until:
            height, width = frame.size
            self.density.observe(splat, (width, height))
        self.optimisers.step(i, fine)
        if refining:
            self.views.step(c.rates.poses * 0.1 ** (i / self.total))
            if i % _CENTRE_EVERY == 0:
                self.views.centre()
        if c.density.first <= i < c.density.until and (i + 1) % c.density.every == 0:
            self._densify()

    @contextmanager
    def _finite(self) -> Iterator[None]:
        """Gaussians that cannot be drawn are an error of the training."""
        try:
            yield
        except ValueError as e:
            raise TrainingError(self._not_finite(str(e))) from e

    def _not_finite(self, what: str) -> str:
        names = [
            name
            for name, tensor in head_tensors(self.head).items()
            if tensor.is_floating_point() and not torch.isfinite(tensor).all()
        ]
        return (
            f"iteration {self.iteration}: {what} is not finite (tensors: "
            f"{', '.join(names) or 'none'}); the last checkpoint stands"
        )

    def _expression_code(self, ref: FrameRef) -> Float[Tensor, " k"]:
        numbers = self.subject.expression_of(ref, self.head.shape.expression)
        return self.head.expression(self._frame_loss.put(numbers).float())

    def _densify(self) -> None:
        c, w, count = self.config.density, self.head_width, self._schedule.most_gaussians
        limits = DensityLimits(
            gradient=c.gradient,
            split_scale=c.split_scale * w,
            largest_scale=_TOO_LARGE * w,
            opacity=c.prune_opacity,
            count=count(self.iteration),
        )
        generator = self._schedule.generator(-1 - self.iteration)
        keep, added = self.density.plan(self.head.gaussians, limits, generator)
        self.optimisers.gaussians.resize(keep, added)
        self._assign_drivers(settled=self.iteration + self.config.density.every >= c.until)

    @torch.no_grad()
    def _validate(self) -> Validated:
        """Mouth error and PSNR on frames of the training share that were never trained on."""
        head, first = self.head, self._row(self.val_refs[0])
        codes = head.audio_codes(self.batches.windows[first:], first)
        S, weights = head.space_features(torch.cat(head.moving())), head.body_weights()

        def spoken(ref: FrameRef) -> tuple[Gaussians, Float[Tensor, " n"]]:
            motion = Motion(codes[self._row(ref) - first], self._expression_code(ref))
            gaussians, dynamism = head.deform(motion, S)
            body = None if weights is None else _matrix(self.subject.body_view(ref))
            return follow_body(gaussians, weights, _matrix(ref.viewmat), body), dynamism

        with self._finite():
            error, quality = judge(spoken, self.val_refs, self.frames, self._frame_loss)
        kept = is_worth_keeping(error, self.best, len(self.val_refs))
        self.best = min(self.best, error)
        return Validated(self.iteration, error, quality, kept)

    @torch.no_grad()
    def save_head(self, path: Path) -> None:
        """Write the head alone, with the refined views of the training frames."""
        ids, (views, bodies) = self._identity.pose_ids, self.views.refined()
        mouth = self.batches.mouth()
        trained = TrainedHead(
            head=self.head,
            speech=self.config.speech,
            identity=self.subject.identity,
            views=dict(zip(ids, views, strict=True)),
            bodies={} if bodies is None else dict(zip(ids, bodies, strict=True)),
            iteration=self.iteration,
            seed=self.config.seed,
            loss=self.loss_name,
            consent=self.subject.info.consent,
            settings=asdict(self.config),
            familiarity=self._familiarity,
            rest_code=None if mouth is None else rest_code(mouth),
            lip_opening=None if mouth is None else lip_opening(mouth, self._unheard_mouth()),
        )
        write_head(path, trained)

    def _unheard_mouth(self) -> Mouths:
        """Codes and recorded apertures of the frames that only judge."""
        rows = [self._row(ref) for ref in self.val_refs]
        codes = self.head.audio_codes(self.batches.windows[rows[0] : rows[-1] + 1], rows[0])
        return Mouths(codes[torch.tensor(rows).to(codes.device) - rows[0]], self._unheard_apertures)

    @cached_property
    def _unheard_apertures(self) -> Float[Tensor, " t"]:
        landmarks = np.stack([self.subject.landmarks(ref) for ref in self.val_refs])
        return torch.from_numpy(mouth_aperture(landmarks))

    @cached_property
    def _familiarity(self) -> Familiarity | None:
        return learn_familiarity(self.subject, self.train_refs)

    def save(self, path: Path) -> None:
        """Write a checkpoint from which `resume` goes on bit for bit.

        Raises `TrainingError` rather than keep a number that is not finite.
        """
        tensors = head_tensors(self.head)
        if not all(torch.isfinite(t).all() for t in tensors.values()):
            raise TrainingError(self._not_finite("a tensor"))
        tensors |= self.views.state()
        tensors |= prefixed("optimisers", self.optimisers.state())
        tensors |= prefixed("lip_reader", dict(self.batches.reader.state_dict()))
        tensors |= prefixed("ema", self.ema.tensors)
        tensors |= prefixed("density", self.density.state())
        facts = {
            "iteration": self.iteration,
            "best": self.best,
            "ema_count": self.ema.count,
            "means": asdict(self._means),
            "collapsed_for": self.batches.collapsed_for,
        }
        write_checkpoint(path, self._identity, tensors, facts)

    def resume(self, path: Path) -> None:
        """Go on from a checkpoint of the same subject and settings, whatever device made it.

        Raises `CheckpointError` if it cannot be read, `TrainingError` if the settings differ.
        """
        tensors, facts = read_checkpoint(path, self._identity)
        with reading(path):
            self._take_up({k: x.to(self.head.device) for k, x in tensors.items()}, facts)

    def _take_up(self, tensors: dict[str, Tensor], facts: dict) -> None:
        fill_head(self.head, tensors)
        self.batches.reader.load_state_dict(under("lip_reader", tensors))
        self._make_optimisers()
        self.optimisers.load(under("optimisers", tensors))
        self.views.load(tensors)
        self.density.load(under("density", tensors), len(self.head.gaussians))
        self.ema.tensors, self.ema.count = under("ema", tensors), facts["ema_count"]
        self.iteration, self.best = facts["iteration"], facts["best"]
        self._means = RunningMeans(**facts["means"])
        self.batches.collapsed_for = facts["collapsed_for"]


def _matrix(view: Float[np.ndarray, "4 4"]) -> Float[Tensor, "4 4"]:
    return torch.from_numpy(view).float()
