"""The ablation as one self-contained page."""

from collections.abc import Sequence

from audioplane.experiments.ablate.report import COLUMNS, COMPARED, VariantResult, agreement
from audioplane.experiments.ablate.tables import TABLES, PaperTable
from audioplane.page import Section, empty, facts, listing, table, text_page


def ablation_page(
    numbers: Sequence[int], results: dict[str, VariantResult], known: dict[str, str]
) -> str:
    """The tables that were asked for, our figures above the paper's, and what agrees.

    Args:
        numbers: Of the tables.
        results: By the variant's key; those that are not trained yet are missing.
        known: What holds for all variants.
    """
    sections = [Section("What was trained", [facts(known)])]
    sections += [_section(n, TABLES[n], results) for n in numbers]
    lead = "Variants of one model on one subject, all trained for the same number of iterations."
    return text_page("Ablations", lead, sections)


def _section(number: int, paper: PaperTable, results: dict[str, VariantResult]) -> Section:
    rows = []
    reasons: dict[str, None] = {}
    for variant in paper.variants:
        result = results.get(variant.key)
        rows.append([variant.label, *(c.cell(getattr(result, c.name, None)) for c in COLUMNS)])
        rows.append(["the paper", *(c.cell(variant.published.get(c.name)) for c in COLUMNS)])
        reasons |= {f"{k}: {v}": None for k, v in (result.empty if result else {}).items()}
    verdicts: dict[str, list[str]] = {}
    for metric in COMPARED:
        for better, worse, ok in agreement(paper, results, metric):
            words = verdicts.setdefault(f"{better} better than {worse}", [])
            words.append(f"{metric.upper()} {'yes' if ok else 'no'}")
    parts = [table(["variant", *(c.title for c in COLUMNS)], rows), *map(empty, reasons)]
    parts.append(listing(f"{pair}: {', '.join(words)}" for pair, words in verdicts.items()))
    return Section(f"Table {number}. {paper.title}", parts)
