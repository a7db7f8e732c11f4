"""Settings of a training run and the presets."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, is_dataclass, replace
from typing import Any, Literal

from audioplane.errors import CheckpointError, TrainingError
from audioplane.head import BLINK, Attention, Encoder, Fusion, HeadShape, time_cells
from audioplane.head.shape import from_json
from audioplane.speech.kinds import DEFAULT_KIND


@dataclass(frozen=True)
class ModelConfig:
    """The head that is trained."""

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
    expression: Literal["blink", "upper-face"] = "blink"
    """What deforms Gaussians beside the audio: the lids of the eyes, or brows, lids, squint and
    gaze those of the whole upper face (`subject/expression.py`), where the subject tells them."""
    torso: Literal["auto", "recorded", "model"] = "recorded"
    """What is below the head: the recording's own torso (the paper), or Gaussians of the whole
    person that follow head and body (`head/body.py`). "auto": the whole person where hair falls
    onto the shoulders and the body's motion is known, else the recording's torso."""
    detail: bool = False
    """Whether the trained head gets a map of what its Gaussians are too large for: skin, grain and
    fine lines (`train/detail.py`)."""

    def shape(self, feature_dim: int, n_rows: int, expression: int = BLINK) -> HeadShape:
        """The head for n rows of speech features of a length, and the numbers of an expression.

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
                expression=expression,
                body=self.torso == "model",
            )
        except ValueError as e:
            raise TrainingError(str(e)) from e


@dataclass(frozen=True)
class LossWeights:
    """Weights of the losses; one of weight 0 is not computed."""

    dssim: float = 0.2
    """D-SSIM's share λ of L1 + D-SSIM (3DGS's)."""
    lpips: float = 0.0
    """LPIPS (AlexNet); needs its weights (`perceptual/weights.py`)."""
    mask: float = 0.1
    """L_mask, Eq. 9 (paper §4.1); not taken without dynamic splatting."""
    margin: float = 0.2
    """Margin of L_mask (paper §4.1)."""
    mouth: float = 0.0
    """L1 inside the mouth mask counts this much more; 0 is the paper."""
    texture: float = 0.0
    """Fineness of the mouth's texture (`train/losses.py`), in fine iterations at full size; 0 is
    the paper."""
    lips: float = 0.0
    """Lip supervision (`train/lips.py`); 0 is the paper."""

    def describe(self) -> str:
        """What is minimised between images, for people."""
        terms = {"D-SSIM": self.dssim, "LPIPS": self.lpips, "mouth texture": self.texture}
        return " + ".join(["L1", *(f"{weight} {name}" for name, weight in terms.items() if weight)])


@dataclass(frozen=True)
class LearningRates:
    """Learning rates of Adam; those of lengths are in head widths."""

    means: float = 4e-4
    """Decays to a hundredth over the run."""
    quats: float = 1e-3
    scales: float = 5e-3
    opacities: float = 3e-2
    sh: float = 5e-3
    directional: float = 0.05
    """Factor on the rate of the directional bases of `sh`, all but the first (3DGS's)."""
    planes: float = 5e-3
    """Space planes and line grids; decays to a tenth over the fine stage, as the next two."""
    networks: float = 1e-3
    """D₁, D₂, prototypes, queries, eyes."""
    body: float = 2e-2
    """The grid of body weights, logits."""
    audio: float = 5e-4
    """AudioNet and AudioAttNet."""
    prior: float = 0.3
    """Factor on the rates of encoder, prototypes and queries that start from a prior."""
    prior_lips: float = 3.0
    """Factor on the lip map's rate there: it starts from nothing."""
    poses: float = 5e-4
    """Refinement of the training poses; 0 leaves them as tracked."""
    poses_from: int = 1_000
    """First iteration that refines poses."""


@dataclass(frozen=True)
class DensityConfig:
    """How many Gaussians there are, and when one is split, doubled or removed."""

    initial: int = 1_000
    """Random Gaussians at the start (paper §4.1); as many on a torso that is modelled."""
    maximum: int = 50_000
    """The density control does not grow beyond this, or 1.4 times this where the torso is
    modelled."""
    first: int = 300
    """First iteration of the density control."""
    until: int = 15_000
    """Iteration at which it ends."""
    every: int = 100
    gradient: float = 2e-4
    """Mean gradient of a projected mean (normalised device coordinates) that makes it grow."""
    split_scale: float = 0.02
    """Head widths; a larger Gaussian is split, a smaller one doubled."""
    prune_opacity: float = 0.01


@dataclass(frozen=True)
class AudioConfig:
    """The speech of an iteration: what is encoded, and how it is disturbed against overfitting."""

    runs: int = 4
    """Runs of consecutive frames that one iteration encodes."""
    run_length: int = 16
    noise: float = 0.0
    """Standard deviation of the noise added to the speech features, in units of theirs; this and
    the next are 0 in the paper."""
    offset: float = 0.0
    """Standard deviation of one offset for all features of a run, likewise."""
    tilt: float = 0.0
    """Standard deviation of offsets that each feature of a run has of its own, likewise."""
    shift: int = 0
    """Frames that the speech of a run comes early or late by, at most."""
    teacher_forcing: bool = False
    """Whether a training frame is rendered from a code that tells its true lips, as far as the lip
    supervision can read them (`train/lips.py`); off in the paper."""


SYNTHETIC = "synthetic"
"""The prior that is shipped, where it fits the feature kind and the model; else none."""


@dataclass(frozen=True)
class TrainConfig:
    """Every setting of a run; it is kept in each checkpoint.

    Lengths are in head widths: the width of the head's silhouette, in world units.
    """

    speech: str = DEFAULT_KIND
    """Kind of speech features; a subject holds them as aud_<kind>.npy."""
    prior: str = ""
    """What audio encoder and prototypes start from (`train/prior.py`): nothing, `SYNTHETIC`, or the
    digest of a prior's file."""
    seed: int = 0
    """Everything random follows from it."""
    coarse_iterations: int = 3_000
    """Iterations without deformation (paper §4.1)."""
    fine_iterations: int = 100_000
    """Iterations of everything together (paper §4.1)."""
    passes: int = 0
    """Most iterations of the fine stage for each training frame: it is shortened for a short video,
    which longer training makes worse. 0 is no bound."""
    blinks: int = 1
    """Times that an epoch of the fine stage shows a frame in which the eyes are closed."""
    half_size_iterations: int = 0
    """Of all iterations, how many at the start see images of half the size."""
    model: ModelConfig = ModelConfig()
    loss: LossWeights = LossWeights()
    rates: LearningRates = LearningRates()
    density: DensityConfig = DensityConfig()
    audio: AudioConfig = AudioConfig()
    ema: bool = False
    """Whether the head that is kept has the EMA of the weights, once the number of Gaussians and
    the size of the images no longer change."""
    validation_share: float = 0.05
    """Last share of the training frames that only chooses the best checkpoint."""
    validate_every: int = 1_000
    checkpoint_every: int = 1_000

    @property
    def iterations(self) -> int:
        """Iterations of both stages."""
        return self.coarse_iterations + self.fine_iterations

    def with_changes(self, **changes: Any) -> "TrainConfig":
        """The same settings but for some; those of a group as a mapping.

        `config.with_changes(seed=1, density={"maximum": 6_000})`. Raises `TypeError` for a name
        that is no setting.
        """
        for name, value in changes.items():
            group = getattr(self, name, None)
            if is_dataclass(group) and isinstance(value, Mapping):
                changes[name] = replace(group, **value)  # pyright: ignore[reportArgumentType]
        return replace(self, **changes)

    @classmethod
    def from_json(cls, facts: dict) -> "TrainConfig":
        """Settings out of a checkpoint of this version or of 0.1, whose settings had no groups.

        Raises `CheckpointError` for one that is unknown or of another type.
        """
        try:
            return from_json(cls, _grouped(facts))
        except (AttributeError, ValueError) as e:
            raise CheckpointError(f"the checkpoint has settings of another version: {e}") from e


_DROPPED = ("sh_degree", "lpips_patches", "lpips_patch_size", "lambda_still")
"""Settings of 0.1 that no preset and no option changed."""
_MOVED = {
    "average": ("ema",),
    "initial_points": ("density", "initial"),
    "max_gaussians": ("density", "maximum"),
    "densify_from": ("density", "first"),
    "densify_until": ("density", "until"),
    "densify_every": ("density", "every"),
    "densify_gradient": ("density", "gradient"),
    "split_scale": ("density", "split_scale"),
    "prune_opacity": ("density", "prune_opacity"),
    "margin": ("loss", "margin"),
    "mouth_weight": ("loss", "mouth"),
    "teacher_forcing": ("audio", "teacher_forcing"),
    "poses_from": ("rates", "poses_from"),
    **{name: ("model", name) for name in asdict(ModelConfig())},
    **{f"lambda_{name}": ("loss", name) for name in ("dssim", "lpips", "mask", "lips")},
    **{f"lr_{name}": ("rates", name) for name in asdict(LearningRates()) if name != "poses_from"},
    **{
        f"audio_{name}": ("audio", name)
        for name in ("runs", "run_length", "noise", "offset", "tilt", "shift")
    },
}
"""Settings of 0.1 → where they are now."""


def _grouped(facts: dict) -> dict:
    """Settings by group, of this version or of 0.1."""
    found: dict[str, Any] = {}
    for name, value in facts.items():
        if name in _DROPPED:
            continue
        *group, key = _MOVED.get(name, (name,))
        place = found.setdefault(group[0], {}) if group else found
        place[key] = value
    return found


NEIGHBOURS = 4
"""Points from whose distances the first scales are taken: fewer have none."""
MOST_SEED = 1 << 42
"""A generator of PyTorch takes a million times as much."""


def checked(config: TrainConfig) -> TrainConfig:
    """Settings with which a training can run to its end and go on; lists in them become tuples.

    Raises `TrainingError` for one of another type, an unknown word or a number out of range.
    """
    try:
        config = from_json(TrainConfig, asdict(config))
    except ValueError as e:
        raise TrainingError(f"these settings cannot be trained with: {e}") from e
    check_seed(config.seed)
    least = {
        "coarse_iterations": (config.coarse_iterations, 0),
        "fine_iterations": (config.fine_iterations, 1),
        "half_size_iterations": (config.half_size_iterations, 0),
        "validate_every": (config.validate_every, 1),
        "checkpoint_every": (config.checkpoint_every, 1),
        "density.initial": (config.density.initial, NEIGHBOURS),
        "density.every": (config.density.every, 1),
        "audio.runs": (config.audio.runs, 1),
        "audio.run_length": (config.audio.run_length, 1),
        "audio.shift": (config.audio.shift, 0),
    }
    for name, (value, lowest) in least.items():
        if value < lowest:
            raise TrainingError(f"{name} is {value}: choose {lowest} or more")
    if not 0 <= config.validation_share < 1:
        raise TrainingError(f"validation_share is {config.validation_share}: choose 0 to below 1")
    return config


def check_seed(seed: int) -> None:
    """Raises `TrainingError` for a seed that the generators do not take."""
    if type(seed) is not int or abs(seed) > MOST_SEED:
        raise TrainingError(f"seed={seed!r}: choose an int of -{MOST_SEED} to {MOST_SEED}")


PRESETS: dict[str, TrainConfig] = {
    "demo": TrainConfig(
        coarse_iterations=1_200,
        fine_iterations=4_500,
        model=ModelConfig(moving="face", torso="auto"),
        loss=LossWeights(mouth=2.0, lips=0.1),
        density=DensityConfig(maximum=6_000, until=3_500),
        audio=AudioConfig(noise=0.5, offset=0.2),
        validate_every=500,
    ),
    "laptop": TrainConfig(
        prior=SYNTHETIC,
        coarse_iterations=2_000,
        fine_iterations=7_000,
        passes=20,
        blinks=4,
        half_size_iterations=6_200,
        model=ModelConfig(moving="face", expression="upper-face", torso="auto", detail=True),
        loss=LossWeights(mouth=2.0, texture=8.0, lips=1.0),
        density=DensityConfig(maximum=10_000, until=4_800),
        audio=AudioConfig(noise=2.5, offset=0.2, tilt=0.7, shift=1, teacher_forcing=True),
        ema=True,
        validate_every=350,
    ),
    "paper": TrainConfig(loss=LossWeights(lpips=0.05, dssim=0.0)),
}
"""`demo`: minutes on 2 cores at 192 px; `laptop`: 3 to 9 minutes at 512 px; `paper`: as
published."""


def without_lpips(config: TrainConfig) -> TrainConfig:
    """The same plan where LPIPS's weights cannot be had: D-SSIM with the weight of 3DGS."""
    return config.with_changes(loss={"lpips": 0.0, "dssim": 0.2})


def with_fine_iterations(config: TrainConfig, iterations: int) -> TrainConfig:
    """The same plan with a longer or shorter fine stage, however short the video; what depends on
    it scales with it.

    Raises `TrainingError` for less than one iteration.
    """
    if iterations < 1:
        raise TrainingError(f"{iterations} iterations are none: ask for at least 1")
    share = iterations / config.fine_iterations
    coarse = config.coarse_iterations

    def scaled(until: int) -> int:
        return until if until <= coarse else coarse + round((until - coarse) * share)

    return config.with_changes(
        fine_iterations=iterations,
        passes=0,
        half_size_iterations=scaled(config.half_size_iterations),
        density={"until": scaled(config.density.until)},
        validate_every=max(1, round(config.validate_every * min(1.0, share))),
    )


def within_iterations(config: TrainConfig, total: int) -> TrainConfig:
    """The same plan in that many iterations of both stages, at most a quarter of them coarse."""
    coarse = max(1, min(config.coarse_iterations, total // 4))
    later = config.coarse_iterations - coarse

    def earlier(until: int) -> int:
        return max(min(until, coarse), until - later)

    shorter = config.with_changes(
        coarse_iterations=coarse,
        half_size_iterations=earlier(config.half_size_iterations),
        density={"until": earlier(config.density.until)},
        rates={"poses_from": min(config.rates.poses_from, coarse // 2)},
    )
    return with_fine_iterations(shorter, max(1, total - coarse))
