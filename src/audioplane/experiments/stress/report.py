"""Findings on a head under sounds that are not speech: rest of the mouth, tears in the geometry."""

import json
from dataclasses import asdict, dataclass

from audioplane.clock import FPS
from audioplane.evaluate.mouth.habits import MouthHabits
from audioplane.evaluate.scores.visemes import NO_VISEMES, VisemeScores, viseme_cells
from audioplane.experiments.motion import DrivenMotion
from audioplane.experiments.stress.rest import RestRow

COLUMNS = ("sound", "s", "aperture", "deviation", "move mm", "unlike")
TRAINING, SILENCE, PAUSE = "training speech", "silence", "pause in speech"
SHOUTING = "shouting"
STILL = 0.25
"""Fraction of the person's own deviation of aperture below which a mouth counts as resting."""
AJAR = 0.15
"""Fraction of the way from closed to open by which a silent mouth may exceed the person's own in
pauses."""
TORN = 1.5
"""Multiple of training speech's largest move beyond which the geometry counts as torn."""


@dataclass(frozen=True)
class StressRow:
    """A head under one sound."""

    name: str
    seconds: float
    aperture: float | None
    """Mean; None where no mouth was seen."""
    deviation: float | None
    """Standard deviation of the aperture over time; None where no mouth was seen."""
    moved: float
    """The largest move of any Gaussian, millimetres."""
    strangeness: float | None
    """`Familiarity.strangeness` of the sound."""
    visemes: VisemeScores = NO_VISEMES
    """The lips against the phones of the sound; none where nobody speaks."""


def stress_row(
    name: str, motion: DrivenMotion, strangeness: float | None, counted: slice = slice(None)
) -> StressRow:
    """The row of a driven head; `counted` are the frames that count for the aperture."""
    aperture = motion.aperture[counted][motion.found[counted]]
    return StressRow(
        name,
        len(motion.moved) / FPS,
        float(aperture.mean()) if len(aperture) else None,
        float(aperture.std()) if len(aperture) else None,
        1e3 * float(motion.moved.max()),
        strangeness,
    )


@dataclass(frozen=True)
class StressReport:
    """All sounds of one head."""

    head: str
    mouth: MouthHabits
    """The person's own."""
    training_move: float
    """`motion.training_move`, millimetres."""
    rows: tuple[StressRow, ...]
    recorded: VisemeScores = NO_VISEMES
    """The recording's lips against the phones of the training speech."""
    rests: tuple[RestRow, ...] = ()
    """The mouth after speech, whatever is heard then."""

    @property
    def findings(self) -> list[tuple[str, bool]]:
        """Sentences with figures, and whether the finding is good."""
        by_name = {row.name: row for row in self.rows}
        found = [finding for name in (SILENCE, PAUSE) for finding in self._mouth(by_name[name])]
        found += [finding for rest in self.rests for finding in rest.findings]
        for row in self.rows:
            if row.name != TRAINING:
                found.append(self._geometry(row))
        return found

    def _mouth(self, row: StressRow) -> list[tuple[str, bool]]:
        """Whether the mouth is still where nobody speaks, and no wider open than the person's."""
        if row.aperture is None or row.deviation is None:
            return [(f"{row.name}: no mouth was seen", False)]
        m = self.mouth
        still = row.deviation <= STILL * m.deviation
        rest = m.closed if m.pause is None else m.pause
        shut = row.aperture <= rest + AJAR * (m.open - m.closed)
        own = "unknown" if m.pause is None else f"{m.pause:.3f}"
        return [
            (
                f"{row.name}: the mouth {'rests' if still else 'moves'}: deviation "
                f"{row.deviation:.3f}, in the person's speech {m.deviation:.3f}",
                still,
            ),
            (
                f"{row.name}: the mouth is open {'as' if shut else 'wider than'} in the person's "
                f"pauses: aperture {row.aperture:.3f}, pauses {own}, closed {m.closed:.3f}",
                shut,
            ),
        ]

    def _geometry(self, row: StressRow) -> tuple[str, bool]:
        """Whether the Gaussians stay together."""
        if not self.training_move:  # a head that speech does not move
            if row.moved:
                return f"{row.name}: moves Gaussians that training speech leaves still", False
            return f"{row.name}: no Gaussian moves, nor does any in training speech", True
        whole = row.moved <= TORN * self.training_move
        return (
            f"{row.name}: the geometry {'holds' if whole else 'tears'}: "
            f"{row.moved / self.training_move:.2f} times the largest move in training speech",
            whole,
        )

    def to_json(self) -> str:
        """As `stress.json` holds it."""
        data = {
            "head": self.head,
            "mouth": asdict(self.mouth),
            "usual_move": self.training_move,
            "recorded_visemes": asdict(self.recorded),
            "rows": [asdict(row) for row in self.rows],
            "rests": [asdict(rest) for rest in self.rests],
            "findings": [{"text": text, "good": good} for text, good in self.findings],
        }
        return json.dumps(data, indent=1, allow_nan=False)

    def phone_cells(self) -> list[list[str | None]]:
        """The lips against the phones, as they are shown: the recording's first."""
        spoken = [(row.name, row.visemes) for row in self.rows if row.visemes != NO_VISEMES]
        named = [("the recording itself", self.recorded), *spoken]
        return [[name, *viseme_cells(scores, self.recorded)] for name, scores in named]

    def cells(self) -> list[list[str | None]]:
        """The rows as they are shown."""
        return [
            [
                row.name,
                f"{row.seconds:.1f}",
                None if row.aperture is None else f"{row.aperture:.3f}",
                None if row.deviation is None else f"{row.deviation:.3f}",
                f"{row.moved:.1f}",
                None if row.strangeness is None else f"{row.strangeness:.1f}",
            ]
            for row in self.rows
        ]
