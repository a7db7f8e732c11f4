"""The paper's Tables 1 to 3: which variants they compare, their figures, and ours beside them."""

from audioplane.experiments.ablate.report import VariantResult, holds, write_reports
from audioplane.experiments.ablate.tables import TABLES, Row, Table, variants

__all__ = ["TABLES", "Row", "Table", "VariantResult", "holds", "variants", "write_reports"]
