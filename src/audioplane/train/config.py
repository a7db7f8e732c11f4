"""Settings of a training run and the presets."""

from dataclasses import dataclass, replace
from typing import Literal

from audioplane.errors import CheckpointError, TrainingError
from audioplane.head import Attention, Encoder, Fusion, HeadShape, time_cells
from audioplane.head.shape import from_json
from audioplane.speech.kinds import DEFAULT_KIND

_DROPPED = ("sh_degree", "lpips_patches", "lpips_patch_size", "lambda_still")
"""Settings of 0.1 that no preset and no option changed."""
_RENAMED = {"average": "ema"}
"""Settings of 0.1 by another name."""


@dataclass(frozen=True)
class LossWeights:
    """Weights of the losses on images."""

    dssim: float = 0.2
    """D-SSIM's share λ of L1 + D-SSIM."""
    lpips: float = 0.0
    mask: float = 0.1
    """L_mask, Eq. 9."""
    margin: float = 0.2
    """Margin of L_mask."""
    mouth: float = 2.0
    """L1 inside the mouth mask counts this much more."""


@dataclass(frozen=True)
class TrainConfig:
    """Every setting of a run; it is kept in each checkpoint.

    Lengths are in head widths: the width of the head's silhouette, in world units.
    """

    speech: str = DEFAULT_KIND
    """Kind of speech features; a subject holds them as aud_<kind>.npy."""
    seed: int = 0
    """Everything random follows from it."""

    coarse_iterations: int = 3_000
    """Iterations without deformation (paper §4.1)."""
    fine_iterations: int = 100_000
    """Iterations of everything together (paper §4.1)."""
    half_size_iterations: int = 0
    """Of all iterations, how many at the start see pictures of half the size."""
    initial_points: int = 1_000
    """Random Gaussians at the start (paper §4.1)."""
    max_gaussians: int = 50_000
    """The density control does not grow beyond this."""
    scales: tuple[int, ...] = (1, 2, 3, 4)
    """s of the planes, lines and prototypes (paper §3.3)."""
    grid_size: int = 64
    """H, cells of the coarsest (paper §4.1)."""
    cell_features: int = 16
    """D, numbers that a cell holds; a multiple of 8 (paper §4.1)."""
    encoder: Encoder = "audio-plane"
    """What deforms space: the audio by Eq. 6; the audio appended to the space planes' features
    ("w/o A"; paper, Fig. 1a); or, to compare, the time alone in six planes (Fig. 1b)."""
    attention: Attention = "cross"
    """What weighs the audio prototypes: Eq. 4, or an MLP (paper, Table 2)."""
    fusion: Fusion = "concat"
    """What becomes of the three plane sets of a scale (paper, Table 2)."""
    dynamism: bool = True
    """Dynamic splatting, Eq. 7 to 9; False is the paper's "w/o D"."""
    moving: Literal["all", "face"] = "all"
    """Which Gaussians the audio deforms: all of them (the paper), or those of the lower face."""

    lambda_dssim: float = 0.2
    """Weight of 1 − SSIM against L1 (3DGS's)."""
    lambda_lpips: float = 0.0
    """Weight of LPIPS (AlexNet); needs its weights (`perceptual/weights.py`)."""
    lambda_mask: float = 0.1
    """Weight of L_mask, Eq. 9 (paper §4.1)."""
    margin: float = 0.2
    """Margin of L_mask (paper §4.1)."""
    lambda_lips: float = 0.0
    """Weight of the lip supervision (`train/lips.py`); 0 is the paper."""
    teacher_forcing: bool = False
    """Whether a training frame is rendered from a code that tells its true lips, as far as the lip
    supervision can read them (`train/lips.py`); off in the paper."""
    mouth_weight: float = 2.0
    """L1 inside the mouth mask counts this much more."""

    lr_means: float = 4e-4
    """Head widths; decays to a hundredth over the run."""
    lr_quats: float = 1e-3
    lr_scales: float = 5e-3
    lr_opacities: float = 3e-2
    lr_sh: float = 5e-3
    lr_planes: float = 5e-3
    """Space planes and line grids; decays to a tenth over the fine stage, as the next two."""
    lr_networks: float = 1e-3
    """D₁, D₂, prototypes, queries, eyes."""
    lr_audio: float = 5e-4
    """AudioNet and AudioAttNet."""
    lr_poses: float = 5e-4
    """Refinement of the training poses; 0 leaves them as tracked."""
    poses_from: int = 1_000
    """First iteration that refines poses."""

    densify_from: int = 300
    densify_until: int = 15_000
    densify_every: int = 100
    densify_gradient: float = 2e-4
    """Mean gradient of a projected mean (normalised device coordinates) that makes it grow."""
    split_scale: float = 0.02
    """Head widths; a larger Gaussian is split, a smaller one doubled."""
    prune_opacity: float = 0.01

    audio_runs: int = 4
    """Runs of consecutive frames that one iteration encodes."""
    audio_run_length: int = 16
    audio_noise: float = 0.1
    """Standard deviation of the noise added to the speech features, in units of theirs."""
    audio_offset: float = 0.2
    """Standard deviation of one offset for all features of a run, likewise."""
    audio_tilt: float = 0.0
    """Standard deviation of offsets that each feature of a run has of its own, likewise."""
    audio_shift: int = 0
    """Frames that the speech of a run comes early or late by, at most."""

    ema: bool = False
    """Whether the head that is kept has the EMA of the weights, once the number of Gaussians and
    the size of the images no longer change."""
    validation_share: float = 0.05
    """Last share of the training frames that only chooses the best checkpoint."""
    validate_every: int = 1_000
    checkpoint_every: int = 1_000

    @classmethod
    def from_json(cls, facts: dict) -> "TrainConfig":
        """Settings out of a checkpoint of this version or of 0.1.

        Raises `CheckpointError` for one that is unknown or of another type.
        """
        try:
            known = {_RENAMED.get(k, k): v for k, v in facts.items() if k not in _DROPPED}
            return from_json(cls, known)
        except (AttributeError, ValueError) as e:
            raise CheckpointError(f"the checkpoint has settings of another version: {e}") from e

    def loss_weights(self) -> LossWeights:
        """The weights of the losses on images."""
        return LossWeights(
            dssim=self.lambda_dssim,
            lpips=self.lambda_lpips,
            mask=self.lambda_mask if self.dynamism else 0.0,
            margin=self.margin,
            mouth=self.mouth_weight,
        )

    def head_shape(self, feature_dim: int, n_rows: int) -> HeadShape:
        """The head that these settings build for n rows of speech features of a length.

        Raises `TrainingError` for settings that no head can have.
        """
        try:
            return HeadShape(
                feature_dim=feature_dim,
                scales=self.scales,
                grid_size=self.grid_size,
                cell_features=self.cell_features,
                time_cells=time_cells(n_rows) if self.encoder == "six-plane" else 0,
                encoder=self.encoder,
                attention=self.attention,
                fusion=self.fusion,
                dynamism=self.dynamism,
            )
        except ValueError as e:
            raise TrainingError(str(e)) from e


PRESETS: dict[str, TrainConfig] = {
    "demo": TrainConfig(
        coarse_iterations=1_200,
        fine_iterations=4_500,
        max_gaussians=6_000,
        moving="face",
        lambda_lips=0.1,
        audio_noise=0.5,
        densify_until=3_500,
        validate_every=500,
    ),
    "laptop": TrainConfig(
        coarse_iterations=2_000,
        fine_iterations=10_000,
        half_size_iterations=8_000,
        max_gaussians=10_000,
        moving="face",
        lambda_lips=1.0,
        teacher_forcing=True,
        audio_noise=2.5,
        audio_tilt=0.7,
        audio_shift=1,
        ema=True,
        densify_until=6_000,
        validate_every=500,
    ),
    "paper": TrainConfig(lambda_lpips=0.05, lambda_dssim=0.0),
}
"""`demo`: minutes on 2 cores at 192 px; `laptop`: 6 to 15 minutes at 512 px; `paper`: as
published."""


def without_lpips(config: TrainConfig) -> TrainConfig:
    """The same plan where LPIPS's weights cannot be had: D-SSIM with the weight of 3DGS."""
    return replace(config, lambda_lpips=0.0, lambda_dssim=0.2)


def with_fine_iterations(config: TrainConfig, iterations: int) -> TrainConfig:
    """The same plan with a longer or shorter fine stage; what depends on it scales with it.

    Raises `TrainingError` for less than one iteration.
    """
    if iterations < 1:
        raise TrainingError(f"{iterations} iterations are none: ask for at least 1")
    share = iterations / config.fine_iterations
    coarse = config.coarse_iterations

    def scaled(until: int) -> int:
        return until if until <= coarse else coarse + round((until - coarse) * share)

    return replace(
        config,
        fine_iterations=iterations,
        half_size_iterations=scaled(config.half_size_iterations),
        densify_until=scaled(config.densify_until),
        validate_every=max(1, round(config.validate_every * min(1.0, share))),
    )


def within_iterations(config: TrainConfig, total: int) -> TrainConfig:
    """The same plan in that many iterations of both stages, at most a quarter of them coarse."""
    coarse = max(1, min(config.coarse_iterations, total // 4))
    later = config.coarse_iterations - coarse

    def earlier(until: int) -> int:
        return max(min(until, coarse), until - later)

    shorter = replace(
        config,
        coarse_iterations=coarse,
        half_size_iterations=earlier(config.half_size_iterations),
        densify_until=earlier(config.densify_until),
        poses_from=min(config.poses_from, coarse // 2),
    )
    return with_fine_iterations(shorter, max(1, total - coarse))


def name_loss(config: TrainConfig) -> str:
    """What a run minimises between pictures, for people."""
    terms = {"D-SSIM": config.lambda_dssim, "LPIPS": config.lambda_lpips}
    return " + ".join(["L1", *(f"{weight} {name}" for name, weight in terms.items() if weight)])
