"""The report says what the variants reached, and whether in the paper's order."""

import json
from dataclasses import fields

import pytest

from audioplane.experiments.ablate.page import ablation_page
from audioplane.experiments.ablate.report import VariantResult, agreement, to_json
from audioplane.experiments.ablate.tables import TABLES


def result(**values):
    unknown = {f.name: None for f in fields(VariantResult)}
    known = {"density": 1.0, "gaussians": 1, "iterations": 2, "seconds": 3.0, "empty": {}}
    return VariantResult(**unknown | known | values)


@pytest.mark.parametrize("number", TABLES)
def test_the_papers_order_is_the_one_its_figures_have(number):
    table = TABLES[number]
    published = {v.key: result(**v.published) for v in table.variants}
    for metric in ("psnr", "lpips", "syncnet"):
        found = agreement(table, published, metric)
        assert found and all(ok for _, _, ok in found)


def test_another_order_than_the_papers_is_noticed():
    published = {v.key: result(**v.published) for v in TABLES[1].variants}
    swapped = {**published, "full": result(psnr=10.0, lpips=1.0)}
    assert agreement(TABLES[1], swapped, "psnr")[0] == ("all", "w/o D", False)
    assert agreement(TABLES[1], swapped, "lpips")[0] == ("all", "w/o D", False)


def test_pairs_that_the_paper_does_not_order_are_not_judged():
    some = {"full": result(lpips=1.0, mac=0.9), "margin=0.3": result(lpips=2.0, mac=0.8)}
    assert agreement(TABLES[3], some, "lpips") == []  # both have 0.042
    assert agreement(TABLES[3], some, "mac") == [("0.2", "0.3", True)]


def test_what_is_not_known_is_not_judged():
    some = {"full": result(psnr=30.0), "margin=0.3": result(psnr=31.0)}
    assert agreement(TABLES[3], some, "psnr") == [("0.3", "0.2", True)]
    assert agreement(TABLES[3], some, "mac") == []


def test_the_page_has_both_figures_and_the_reasons_of_empty_cells():
    some = {
        "full": result(psnr=30.0, syncnet=6.125),
        "margin=0.3": result(psnr=31.0, empty={"syncnet": "too short"}),
    }
    page = ablation_page((3,), some, {"subject": "<me>"})
    assert "&lt;me&gt;" in page and "31.00" in page and "32.20" in page and "31.69" not in page
    assert "6.125" in page and "syncnet: too short" in page
    assert "0.3 better than 0.2: PSNR yes" in page
    data = json.loads(to_json(some, {"subject": "me"}))
    assert data["variants"]["full"]["psnr"] == 30.0 and data["facts"] == {"subject": "me"}
