"""The two training stages (paper §3.5, §4.1) as a loop that yields events."""

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from audioplane.errors import TrainingError
from audioplane.head import Gaussians, Head, HeadShape, Motion, View, splat_head
from audioplane.head.audio import CONTEXT_AFTER, CONTEXT_BEFORE
from audioplane.head.audio_plane import spread_over_sets
from audioplane.head.plane_kernels import D
from audioplane.subject import FrameRef, Subject
from audioplane.train import checkpoint as files
from audioplane.train.config import TrainConfig
from audioplane.train.density import DensityControl, DensityLimits
from audioplane.train.events import CheckpointSaved, Progress, TrainEvent, Validated
from audioplane.train.frames import FrameStore, TrainFrame
from audioplane.train.gaussian_adam import GaussianAdam
from audioplane.train.initial import choose_drivers, find_bounds, observe, random_gaussians
from audioplane.train.lips import LipTargets, lip_loss
from audioplane.train.losses import mask_loss, photometric_loss, psnr
from audioplane.train.poses import PoseTable, corrected_view
from audioplane.train.row_adam import RowAdam

_LEAST_SPREAD = 0.05
"""Under this deviation of f_a between frames the head has gone blind to the audio."""
_SPREAD_PATIENCE = 300
_PROGRESS_EVERY = 10


@dataclass
class _Means:
    """Running means for the progress events."""

    loss: float = math.nan
    psnr: float = math.nan
    spread: float = math.nan

    def add(self, **values: float) -> None:
        for name, value in values.items():
            old = getattr(self, name)
            setattr(self, name, value if math.isnan(old) else 0.98 * old + 0.02 * value)


class Trainer:
    """One run on one subject. `run` goes through all iterations that are left."""

    def __init__(self, subject: Subject, config: TrainConfig):
        """Raises `TrainingError` or `SubjectError` if the subject cannot be trained on."""
        self.subject, self.config = subject, config
        features = subject.features(config.speech)
        n_val = max(1, round(config.validation_share * len(subject.train)))
        if len(subject.train) - n_val < 10:
            raise TrainingError(
                f"{len(subject.train)} training frames are too few: bring a longer video"
            )
        self.train_refs, self.val_refs = subject.train[:-n_val], subject.train[-n_val:]
        # Some subjects of the peers have one frame more than rows of features.
        self._last_row = len(features) - 1
        rows = [self._row(ref) for ref in self.train_refs]
        self._rows = (min(rows), max(rows))
        self.windows = torch.from_numpy(features)
        generator = torch.Generator().manual_seed(config.seed)
        self.head = Head(HeadShape(features.shape[2], config.sh_degree), generator)
        self._views = observe(subject, self.train_refs)
        bounds = find_bounds(self._views, subject.K)
        self.head_width = bounds.head_width
        self.head.low.copy_(torch.from_numpy(bounds.low))
        self.head.high.copy_(torch.from_numpy(bounds.high))
        self.head.gaussians = random_gaussians(
            self._views, subject.K, bounds, config.initial_points, config.sh_degree, generator
        )
        self._refresh_drivers()
        landmarks = np.stack([subject.landmarks(ref) for ref in self.train_refs])
        self._lips = LipTargets(landmarks, np.array(rows))
        self.lip_reader = self._lips.linear_reader(len(self.head.shape.scales) * D)
        self.poses = PoseTable(len(self.train_refs))
        self._build_optimisers()
        self.density = DensityControl(len(self.head.gaussians))
        self.frames = FrameStore(subject)
        self.iteration = 0
        self.best = math.inf
        self._means = _Means()
        self._deaf = 0

    @property
    def total(self) -> int:
        """Iterations of both stages."""
        return self.config.coarse_iterations + self.config.fine_iterations

    def _build_optimisers(self) -> None:
        c = self.config
        rates = {"quats": c.lr_quats, "log_scales": c.lr_scales, "logits": c.lr_opacities}
        rates |= {"means": c.lr_means * self.head_width, "sh": c.lr_sh}
        self.gaussian_adam = GaussianAdam(self.head.gaussians, rates)
        self.plane_adam = RowAdam(self.head.grid.planes, self.head.grid.touched)
        head = self.head
        modules = (head.prototypes, head.field, head.eyes, self.lip_reader)
        networks = [p for module in modules for p in module.parameters()]
        self._group_rates = (c.lr_audio, c.lr_networks, c.lr_planes)
        groups = [list(head.encoder.parameters()), networks, [head.grid.lines]]
        self.network_adam = torch.optim.Adam(
            [{"params": p, "lr": r} for p, r in zip(groups, self._group_rates, strict=True)],
            eps=1e-15,
            fused=True,
        )

    def _row(self, ref: FrameRef) -> int:
        return min(ref.aud_id, self._last_row)

    def _refresh_drivers(self) -> None:
        self.head.driver = choose_drivers(
            self.head.gaussians.means, self._views, self.subject.K, self.config.moving
        )

    def _generator(self, iteration: int) -> torch.Generator:
        """Everything random in an iteration follows from its number: resuming needs no state."""
        return torch.Generator().manual_seed(self.config.seed * 1_000_003 + iteration)

    def _pick(self, iteration: int) -> int:
        """Row of the training frame of an iteration: all frames once, in a new order each time."""
        n = len(self.train_refs)
        epoch, position = divmod(iteration, n)
        if getattr(self, "_epoch", None) != epoch:
            self._epoch = epoch
            self._order = torch.randperm(n, generator=self._generator(-1 - epoch)).tolist()
        return self._order[position]

    def _size(self, iteration: int) -> int:
        full = self.subject.info.size
        return full // 2 if iteration < self.config.half_size_iterations else full

    def run(self, out: Path) -> Iterator[TrainEvent]:
        """Train to the end, writing checkpoints into `out`.

        Raises `TrainingError` on a number that is not finite, on audio collapse, or where the disk
        fails; the last checkpoint stands.
        """
        paths = files.RunPaths(out)
        try:
            while self.iteration < self.total:
                self._step()
                self.iteration += 1
                yield from self._after_step(paths)
        finally:
            self.frames.close()

    def _after_step(self, paths: files.RunPaths) -> Iterator[TrainEvent]:
        c, i, last = self.config, self.iteration, self.iteration == self.total
        if i % _PROGRESS_EVERY == 0 or last:
            yield self.progress()
        if i > c.coarse_iterations and i % c.validate_every == 0 or last:
            event = self._validate()
            yield event
            if event.best:
                self.save_head(paths.head)
        if i % c.checkpoint_every == 0 or last:
            self.save(paths.checkpoint(i))
            paths.drop_old()
            yield CheckpointSaved(i, paths.checkpoint(i))

    def progress(self) -> Progress:
        """Where the run stands."""
        stage = "fine" if self.iteration > self.config.coarse_iterations else "coarse"
        m, n = self._means, len(self.head.gaussians)
        return Progress(self.iteration, self.total, stage, m.loss, m.psnr, n, m.spread)

    def _step(self) -> None:
        c, iteration = self.config, self.iteration
        fine = iteration >= c.coarse_iterations
        generator = self._generator(iteration)
        index, size = self._pick(iteration), self._size(iteration)
        ref = self.train_refs[index]
        frame = self.frames.get(ref, size)
        if iteration + 1 < self.total:
            self.frames.expect(self.train_refs[self._pick_next()], self._size(iteration + 1))

        refining = c.lr_poses > 0 and iteration >= c.poses_from
        viewmat = torch.from_numpy(ref.viewmat).float()
        if refining:
            viewmat = corrected_view(viewmat, self.poses.row(index), self.head_width)
        gaussians, dynamism = self.head.gaussians, torch.zeros(len(self.head.gaussians))
        lips = None
        if fine:
            motion, lips = self._training_motion(ref, generator)
            gaussians, dynamism = self.head.deform(motion)
        loss, quality, splat = self._render_loss(
            frame, viewmat, gaussians, dynamism, fine, generator
        )
        if lips is not None:
            loss = loss + c.lambda_lips * lips
        value = loss.item()
        if not math.isfinite(value):
            raise TrainingError(self._not_finite("the loss"))
        splat.means2d.retain_grad()
        loss.backward()
        self._means.add(loss=value, psnr=quality)
        if iteration < c.densify_until:
            self.density.observe(splat, (size, size))
        self._move(fine, refining)
        if c.densify_from <= iteration < c.densify_until and (iteration + 1) % c.densify_every == 0:
            self._densify(generator)

    def _pick_next(self) -> int:
        n = len(self.train_refs)
        position = (self.iteration + 1) % n
        return self._order[position] if position else self._order[-1]

    def _render_loss(
        self,
        frame: TrainFrame,
        viewmat: Tensor,
        gaussians: Gaussians,
        dynamism: Tensor,
        fine: bool,
        generator: torch.Generator,
    ):
        """Loss of one frame inside the head's box, PSNR there, and the splat.

        Whatever is not head has one random colour in target and background: the silhouette must be
        right to hide it, so no loss on the coverage is needed.
        """
        c = self.config
        left, top, right, bottom = frame.box
        cut = np.s_[top:bottom, left:right]
        colour = torch.rand(3, generator=generator)
        target = torch.from_numpy(frame.image[cut]).float() / 255
        target[torch.from_numpy(~frame.head[cut])] = colour
        mouth = torch.from_numpy(frame.mouth[cut]).float()
        scale = frame.image.shape[1] / self.subject.background.shape[1]
        K = torch.from_numpy(self.subject.K).float()
        K = torch.cat([K[:2] * scale, K[2:]])
        K[0, 2] -= left
        K[1, 2] -= top
        view = View(viewmat, K, right - left, bottom - top)
        try:
            splat = splat_head(gaussians, dynamism, view, colour)
        except ValueError as e:
            raise TrainingError(self._not_finite(str(e))) from e
        image = splat.image[..., :3]
        loss = photometric_loss(image, target, 1 + c.mouth_weight * mouth, c.lambda_dssim)
        if fine:
            loss = loss + c.lambda_mask * mask_loss(splat.image[..., 3], mouth, c.margin)
        return loss, psnr(image, target), splat

    def _not_finite(self, what: str) -> str:
        names = [
            name
            for name, tensor in files.head_tensors(self.head).items()
            if tensor.is_floating_point() and not torch.isfinite(tensor).all()
        ]
        return (
            f"iteration {self.iteration}: {what} is not finite (tensors: "
            f"{', '.join(names) or 'none'}); the last checkpoint stands"
        )

    def _training_motion(
        self, ref: FrameRef, generator: torch.Generator
    ) -> tuple[Motion, Tensor | None]:
        """Codes of one frame, its audio encoded among several runs of other frames.

        Also the lip loss over all of them, where it is wanted.
        """
        c = self.config
        low, high = self._rows
        length = min(c.audio_run_length, high - low + 1)
        starts = torch.randint(
            low, max(low, high - length + 1) + 1, (c.audio_runs,), generator=generator
        )
        at = int(torch.randint(length, (1,), generator=generator))
        row = self._row(ref)
        starts[0] = min(max(row - at, low), max(low, high - length + 1))
        steps = torch.arange(-CONTEXT_BEFORE, length + CONTEXT_AFTER)
        rows = (starts[:, None] + steps).clamp(low, high)
        runs = self.windows[rows]
        runs = runs + c.audio_noise * torch.randn(runs.shape, generator=generator)
        runs = runs + c.audio_gain * torch.randn(len(runs), 1, 1, 1, generator=generator)
        codes = self.head.prototypes(self.head.encoder.normalised_batch(runs))
        self._watch_audio(codes.detach().std(0).mean().item())
        audio = spread_over_sets(codes[None, row - int(starts[0])])[0]
        lips = None
        if c.lambda_lips:
            heard = starts[:, None] + torch.arange(length)
            lips = lip_loss(self.lip_reader, self._lips, codes.flatten(1), heard.flatten())
        return Motion(audio, self._eye_code(ref)), lips

    def _eye_code(self, ref: FrameRef) -> Float[Tensor, " k"]:
        return self.head.eyes(torch.from_numpy(self.subject.blink(ref)).float())

    def _watch_audio(self, spread: float) -> None:
        self._means.add(spread=spread)
        self._deaf = self._deaf + 1 if spread < _LEAST_SPREAD else 0
        if self._deaf >= _SPREAD_PATIENCE:
            raise TrainingError(
                f"iteration {self.iteration}: the head has gone blind to the audio (f_a deviates "
                f"by {spread:.3f} between frames): lower lr_audio or check the speech features"
            )

    def _move(self, fine: bool, refining: bool) -> None:
        c, i = self.config, self.iteration
        self.gaussian_adam.step(c.lr_means * self.head_width * 0.01 ** (i / self.total))
        decay = 0.1 ** (max(0, i - c.coarse_iterations) / max(1, c.fine_iterations))
        if fine:
            for group, rate in zip(self.network_adam.param_groups, self._group_rates, strict=True):
                group["lr"] = rate * decay
            self.network_adam.step()
            self.network_adam.zero_grad(set_to_none=False)
            self.plane_adam.step(c.lr_planes * decay)
        if refining:
            self.poses.adam.step(c.lr_poses * 0.1 ** (i / self.total))
            if i % 100 == 0:
                self.poses.centre()

    def _densify(self, generator: torch.Generator) -> None:
        c, w = self.config, self.head_width
        # Room opens slowly: Gaussians spent on the first blur would be missing for the detail.
        share = min(1.0, (self.iteration + 1) / c.densify_until)
        count = round(c.initial_points + (c.max_gaussians - c.initial_points) * share)
        limits = DensityLimits(
            c.densify_gradient, c.split_scale * w, 0.5 * w, c.prune_opacity, count
        )
        self.gaussian_adam.resize(*self.density.plan(self.head.gaussians, limits, generator))
        self._refresh_drivers()

    @torch.no_grad()
    def _validate(self) -> Validated:
        """Mouth error and PSNR on frames of the training share that were never trained on."""
        self.head.encoder.calibrate(self.windows[self._rows[0] : self._rows[1] + 1])
        codes = self.head.audio_codes(self.windows)
        by_audio, by_eyes = self.head.moving()
        S = self.head.space_features(torch.cat([by_audio, by_eyes]))
        errors, qualities = [], []
        for ref in self.val_refs:
            frame = self.frames.get(ref, self._size(self.iteration))
            motion = Motion(codes[self._row(ref)], self._eye_code(ref))
            gaussians, dynamism = self.head.deform(motion, S)
            splat, target = self._render_plain(frame, ref, gaussians, dynamism)
            mouth = torch.from_numpy(frame.mouth)
            errors.append((splat - target).abs()[mouth].mean().item())
            qualities.append(psnr(splat, target))
        error = float(np.mean(errors))
        best = error < self.best
        self.best = min(self.best, error)
        return Validated(self.iteration, error, float(np.mean(qualities)), best)

    def _render_plain(self, frame: TrainFrame, ref: FrameRef, gaussians, dynamism):
        """A whole frame and its target, both on grey."""
        height, width = frame.head.shape
        K = torch.from_numpy(self.subject.K).float()
        scale = width / self.subject.background.shape[1]
        view = View(
            torch.from_numpy(ref.viewmat).float(), torch.cat([K[:2] * scale, K[2:]]), width, height
        )
        grey = torch.full((3,), 0.5)
        target = torch.from_numpy(frame.image).float() / 255
        target[torch.from_numpy(~frame.head)] = grey
        return splat_head(gaussians, dynamism, view, grey).image[..., :3], target

    @torch.no_grad()
    def save_head(self, path: Path) -> None:
        """Write the head alone, with the refined views of the training frames."""
        views = [
            corrected_view(torch.from_numpy(r.viewmat).float(), c, self.head_width)
            for r, c in zip(self.train_refs, self.poses.corrections, strict=True)
        ]
        tensors = files.head_tensors(self.head) | {"views": torch.stack(views)}
        files.save_tensors(path, tensors, self._facts())

    def _facts(self) -> dict:
        return {
            "iteration": self.iteration,
            "config": asdict(self.config),
            "shape": asdict(self.head.shape),
            "subject": str(self.subject.paths.root.resolve()),
            "pose_ids": [r.img_id for r in self.train_refs],
            "head_width": self.head_width,
            "best": self.best,
            "means": asdict(self._means),
            "deaf": self._deaf,
        }

    def save(self, path: Path) -> None:
        """Write a checkpoint from which `resume` goes on bit for bit."""
        tensors = files.head_tensors(self.head)
        for name, moments in self.gaussian_adam.state().items():
            tensors |= files.prefixed(f"gaussian_adam/{name}", moments)
        for i, moments in self.network_adam.state_dict()["state"].items():
            tensors |= files.prefixed(f"network_adam/{i}", moments)
        tensors |= files.prefixed("plane_adam", self.plane_adam.state())
        tensors |= files.prefixed("pose_adam", self.poses.adam.state())
        tensors |= files.prefixed("lip_reader", dict(self.lip_reader.state_dict()))
        tensors["poses"] = self.poses.corrections
        tensors["density/gradient_sum"] = self.density.gradient_sum
        tensors["density/seen"] = self.density.seen
        files.save_tensors(path, tensors, self._facts())

    def resume(self, path: Path) -> None:
        """Go on from a checkpoint of the same subject and settings.

        Raises `CheckpointError` if it cannot be read, `TrainingError` if the settings differ.
        """
        tensors, facts = files.load_tensors(path)
        if TrainConfig(**facts["config"]) != self.config:
            raise TrainingError(f"{path} was made with other settings: choose another --out")
        files.fill_head(self.head, tensors)
        self.lip_reader.load_state_dict(files.under("lip_reader", tensors))
        self._build_optimisers()
        names = self.head.gaussians.tensors()
        moments = {n: files.under(f"gaussian_adam/{n}", tensors) for n in names}
        self.gaussian_adam.load({n: m for n, m in moments.items() if m})
        state = self.network_adam.state_dict()
        count = sum(len(g["params"]) for g in state["param_groups"])
        kept = {i: files.under(f"network_adam/{i}", tensors) for i in range(count)}
        state["state"] = {i: m for i, m in kept.items() if m}
        self.network_adam.load_state_dict(state)
        self.plane_adam.load(files.under("plane_adam", tensors))
        self.poses.adam.load(files.under("pose_adam", tensors))
        with torch.no_grad():
            self.poses.corrections.copy_(tensors["poses"])
        self.density.gradient_sum = tensors["density/gradient_sum"]
        self.density.seen = tensors["density/seen"]
        self.iteration, self.best = facts["iteration"], facts["best"]
        self._means, self._deaf = _Means(**facts["means"]), facts["deaf"]
