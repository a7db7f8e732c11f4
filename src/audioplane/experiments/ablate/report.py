"""Results of the variants beside the paper's: as JSON, and which of its orders ours have."""

import json
from dataclasses import asdict, dataclass, field

from audioplane.experiments.ablate.tables import PaperTable


@dataclass(frozen=True)
class VariantResult:
    """What one variant reached on the held-out frames, poses as tracked; None where unknown."""

    psnr: float | None
    """dB, whole frame."""
    ssim: float | None
    lpips: float | None
    mouth_psnr: float | None
    lmd: float | None
    """Pixels."""
    mac: float | None
    spread: float | None
    density: float | None
    """Gaussians an area inside the mouth mask over those of the rest of the head (Fig. 4)."""
    gaussians: int
    iterations: int
    seconds: float
    """Of training."""
    syncnet: float | None = None
    """SyncNet's confidence."""
    empty: dict[str, str] = field(default_factory=dict)
    """Why a score is None, by its name."""


@dataclass(frozen=True)
class Column:
    """One figure of every variant."""

    title: str
    name: str
    """Field of `VariantResult`."""
    form: str

    def cell(self, value: float | None) -> str | None:
        """The figure as it is shown."""
        return None if value is None else self.form.format(value)


COLUMNS = (
    Column("PSNR ↑", "psnr", "{:.2f}"),
    Column("SSIM ↑", "ssim", "{:.4f}"),
    Column("LPIPS ↓", "lpips", "{:.4f}"),
    Column("SyncNet ↑", "syncnet", "{:.3f}"),
    Column("mouth PSNR ↑", "mouth_psnr", "{:.2f}"),
    Column("LMD ↓", "lmd", "{:.3f}"),
    Column("MAC ↑", "mac", "{:.3f}"),
    Column("density at the mouth", "density", "{:.2f}"),
)
COMPARED = ("psnr", "lpips", "syncnet", "lmd", "mac")
"""Metrics by which the paper's order is looked for."""
_SMALLER_IS_BETTER = ("lmd", "lpips")


def agreement(
    table: PaperTable, results: dict[str, VariantResult], metric: str
) -> list[tuple[str, str, bool]]:
    """For each pair that the paper orders and both of which are known: whether ours agree."""
    by_label = {variant.label: results.get(variant.key) for variant in table.variants}
    found = []
    for better, worse in _ordered(table, metric):
        a, b = (getattr(by_label[label], metric, None) for label in (better, worse))
        if a is not None and b is not None:
            found.append((better, worse, _is_better(metric, a, b)))
    return found


def _ordered(table: PaperTable, metric: str) -> list[tuple[str, str]]:
    """The table's pairs, the better first: by the paper's figures of a metric where it has them,
    without ties, else by its text."""
    figures = {variant.label: variant.published.get(metric) for variant in table.variants}
    found = []
    for better, worse in table.expected:
        a, b = figures[better], figures[worse]
        if a is None or b is None or _is_better(metric, a, b):
            found.append((better, worse))
        elif a != b:
            found.append((worse, better))
    return found


def _is_better(metric: str, a: float, b: float) -> bool:
    return a < b if metric in _SMALLER_IS_BETTER else a > b


def to_json(results: dict[str, VariantResult], facts: dict[str, str]) -> str:
    """As `report.json` holds it; unknown figures are null, their reasons under `empty`."""
    variants = {key: asdict(result) for key, result in results.items()}
    return json.dumps({"facts": facts, "variants": variants}, indent=1, allow_nan=False)
