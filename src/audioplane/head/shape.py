"""The shape of a head: sizes and switches, which its weights depend on."""

import math
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from audioplane.head.audio_plane import SCALES, Attention, D, Fusion, H
from audioplane.head.expression import BLINK
from audioplane.head.plane_kernels import SETS
from audioplane.simd import LANES

Encoder = Literal["audio-plane", "concat", "six-plane"]
"""The encoder of the deformation: audio by Eq. 6, audio appended to features of the space planes
(paper, Fig. 1a), or time in planes of its own (Fig. 1b)."""
_MOST_NUMBERS = 1 << 28
"""Most numbers in a head's planes and lines: 1 GiB."""
_WANTED = {int: "an int", float: "a finite number", str: "a string", bool: "True or False"}

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class HeadShape:
    """Sizes and switches of a head. Raises `ValueError` for impossible ones."""

    feature_dim: int
    """F of the speech features [T, W, F]."""
    scales: tuple[int, ...] = SCALES
    grid_size: int = H
    cell_features: int = D
    time_cells: int = 0
    """Cells of the time axis, where there is one."""
    encoder: Encoder = "audio-plane"
    attention: Attention = "cross"
    fusion: Fusion = "concat"
    dynamism: bool = True
    expression: int = BLINK
    """Numbers of the expression that deforms the upper face."""
    body: bool = False
    """Whether the Gaussians are those of the whole person, and the body has a pose of its own."""

    def __post_init__(self):
        bounds = [
            ("feature_dim", 1, self.feature_dim, 1 << 16),
            ("expression", 1, self.expression, 1 << 8),
            ("grid_size", 2, self.grid_size, 1 << 12),
            ("time_cells", 2 if self.encoder == "six-plane" else 0, self.time_cells, 1 << 20),
            ("the number of scales", 1, len(self.scales), 16),
            *(("a scale", 1, scale, 64) for scale in self.scales),
        ]
        for name, least, value, most in bounds:
            if not least <= value <= most:
                raise ValueError(f"{name} is {value}: choose {least} to {most}")
        if self.cell_features < LANES or self.cell_features % LANES:
            raise ValueError(f"{self.cell_features} features a cell: choose a multiple of {LANES}")
        sides = [s * self.grid_size for s in self.scales]
        numbers = SETS * self.cell_features * sum(n * (n + self.time_cells) for n in sides)
        if numbers > _MOST_NUMBERS:
            raise ValueError(f"planes of {numbers:,} numbers: choose smaller scales or grid_size")

    @classmethod
    def from_facts(cls, facts: Mapping[str, Any]) -> "HeadShape":
        """A shape from JSON, of this version or of 0.1. Raises `ValueError` if it is not one."""
        if facts.get("sh_degree", 1) != 1:
            raise ValueError("its colours are not of degree 1")
        return from_json(cls, {k: v for k, v in facts.items() if k != "sh_degree"})


def from_json(kind: type[T], facts: Any) -> T:
    """A dataclass of numbers, words, tuples and dataclasses from JSON.

    Raises `ValueError`, naming a field that is unknown, missing or of another type.
    """
    if not isinstance(facts, Mapping):
        raise ValueError(f"{facts!r} are no settings")
    hints = get_type_hints(kind)
    needed = {f.name for f in fields(kind) if f.default is MISSING}  # pyright: ignore[reportArgumentType]
    if unknown := sorted(facts.keys() - hints.keys()):
        raise ValueError(f"unknown: {', '.join(map(str, unknown))}")
    if missing := sorted(needed - facts.keys()):
        raise ValueError(f"missing: {', '.join(missing)}")
    return kind(**{name: _checked(name, hints[name], value) for name, value in facts.items()})


def _checked(name: str, hint: Any, value: Any) -> Any:
    """A value from JSON converted to a field's type."""
    if is_dataclass(hint):
        return from_json(hint, value)  # pyright: ignore[reportArgumentType]
    if get_origin(hint) is tuple and isinstance(value, list | tuple):
        return tuple(_checked(name, get_args(hint)[0], x) for x in value)
    wanted = _WANTED.get(hint, "a list")
    if get_origin(hint) is Literal:
        right, wanted = value in get_args(hint), f"one of {', '.join(get_args(hint))}"
    elif hint is float:
        right = type(value) is not bool and isinstance(value, int | float) and math.isfinite(value)
    else:
        right = type(value) is hint
    if not right:
        raise ValueError(f"{name} cannot be {value!r}: give {wanted}")
    return value
