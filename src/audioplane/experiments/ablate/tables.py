"""The paper's ablations as settings: what each variant changes, and what it reached there."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Variant:
    """One variant of a table."""

    label: str
    changes: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Settings of `TrainConfig`, by group, that differ from the full model."""
    published: dict[str, float] = field(default_factory=dict)
    """The paper's figures."""

    @property
    def key(self) -> str:
        """Names the variant, and its folder; the full model is the same in all tables."""
        changed = {name: value for group in self.changes.values() for name, value in group.items()}
        parts = [f"{name}={value}".lower() for name, value in sorted(changed.items())]
        return "_".join(parts) or "full"


@dataclass(frozen=True)
class PaperTable:
    """One of the paper's tables, variants in its order."""

    title: str
    variants: tuple[Variant, ...]
    expected: tuple[tuple[str, str], ...]
    """Pairs of labels that are compared: by the paper's text, the first is better than the second;
    its figures of some metrics say otherwise."""


_METRICS = ("psnr", "ssim", "lpips", "syncnet")


def _variant(label: str, changes: dict[str, Any], *figures: float | None) -> Variant:
    pairs = zip(_METRICS, figures, strict=True)
    return Variant(label, changes, {name: value for name, value in pairs if value is not None})


TABLES: dict[int, PaperTable] = {
    1: PaperTable(
        "Audio-Plane (A) and dynamic splatting (D)",
        (
            _variant(
                "w/o A&D",
                {"model": {"encoder": "concat", "dynamism": False}},
                30.73,
                0.920,
                0.041,
                4.565,
            ),
            _variant("w/o A", {"model": {"encoder": "concat"}}, 30.81, 0.923, 0.039, 5.427),
            _variant("w/o D", {"model": {"dynamism": False}}, 31.54, 0.925, 0.037, 6.342),
            _variant("all", {}, 31.69, 0.929, 0.035, 6.700),
        ),
        (("all", "w/o D"), ("w/o D", "w/o A"), ("w/o A", "w/o A&D")),
    ),
    2: PaperTable(
        "Attention and fusion of the plane sets",
        (
            _variant(
                "MLP, multiply",
                {"model": {"attention": "mlp", "fusion": "multiply"}},
                *(31.43, None, 0.093, 4.447),
            ),
            _variant(
                "MLP, add",
                {"model": {"attention": "mlp", "fusion": "add"}},
                32.10,
                None,
                0.043,
                4.915,
            ),
            _variant("MLP, concat", {"model": {"attention": "mlp"}}, 32.22, None, 0.043, 5.149),
            _variant(
                "cross, multiply", {"model": {"fusion": "multiply"}}, 31.65, None, 0.052, 5.170
            ),
            _variant("cross, add", {"model": {"fusion": "add"}}, 32.37, None, 0.042, 5.230),
            _variant("cross, concat", {}, 32.88, None, 0.038, 5.518),
        ),
        (
            ("cross, concat", "cross, add"),
            ("cross, add", "cross, multiply"),
            ("MLP, concat", "MLP, add"),
            ("MLP, add", "MLP, multiply"),
            ("cross, concat", "MLP, concat"),
            ("cross, add", "MLP, add"),
            ("cross, multiply", "MLP, multiply"),
        ),
    ),
    3: PaperTable(
        "Margin of the mask loss",
        (
            _variant("0.05", {"loss": {"margin": 0.05}}, 31.76, 0.943, 0.062, 4.443),
            _variant("0.1", {"loss": {"margin": 0.1}}, 32.02, 0.950, 0.047, 4.760),
            _variant("0.2", {}, 31.95, 0.954, 0.042, 5.176),
            _variant("0.3", {"loss": {"margin": 0.3}}, 32.20, 0.952, 0.042, 4.615),
        ),
        (("0.2", "0.05"), ("0.2", "0.1"), ("0.2", "0.3")),
    ),
}


def variants(tables: Iterable[int]) -> dict[str, Variant]:
    """Every variant that some tables need, once, by key; the full model first."""
    found = {"full": Variant("full")}
    for number in tables:
        for variant in TABLES[number].variants:
            found.setdefault(variant.key, variant)
    return found
