"""The paper's Tables 1 to 3: its variants trained on a subject, with its figures beside ours."""

from audioplane.experiments.ablate.report import VariantResult
from audioplane.experiments.ablate.run import ablate

__all__ = ["VariantResult", "ablate"]
