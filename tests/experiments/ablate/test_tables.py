"""The tables are the paper's, and the report says what it found."""

import json
from dataclasses import fields, replace

import pytest

from audioplane.experiments.ablate import TABLES, VariantResult, holds, variants, write_reports
from audioplane.train import TrainConfig


def result(**values):
    empty = {f.name: None for f in fields(VariantResult)}
    return VariantResult(
        **empty | {"density": 1.0, "gaussians": 1, "iterations": 2, "seconds": 3.0} | values
    )


def test_every_row_is_a_setting_that_exists_and_the_full_model_is_shared():
    for table in TABLES.values():
        assert "full" in [row.key for row in table.rows]
        labels = [row.label for row in table.rows]
        assert {label for pair in table.expected for label in pair} <= set(labels)
        for row in table.rows:
            changed = replace(TrainConfig(), **row.changes)
            assert (changed == TrainConfig()) == (row.key == "full")
    assert len(variants((1, 2, 3))) == 12
    assert next(iter(variants((2,)))) == "full"


def test_the_papers_order_is_the_one_its_figures_have():
    table = TABLES[1]
    published = {row.key: result(**row.published) for row in table.rows}
    assert all(ok for _, _, ok in holds(table, published, "psnr"))
    assert all(ok for _, _, ok in holds(table, published, "lpips"))
    swapped = {**published, "full": result(psnr=10.0, lpips=1.0)}
    assert holds(table, swapped, "psnr")[0] == ("all", "w/o D", False)
    assert holds(table, swapped, "lpips")[0] == ("all", "w/o D", False)


def test_what_is_not_known_is_not_judged(tmp_path):
    table = TABLES[3]
    some = {"full": result(psnr=30.0), "margin=0.3": result(psnr=31.0)}
    assert holds(table, some, "psnr") == [("0.2", "0.3", False)]
    assert holds(table, some, "mac") == []
    write_reports(tmp_path, (3,), some, {"subject": "<me>"})
    page = (tmp_path / "report.html").read_text()
    assert "&lt;me&gt;" in page and "31.00" in page and "32.20" in page and "31.69" not in page
    assert json.loads((tmp_path / "report.json").read_text())["variants"]["full"]["psnr"] == 30.0


@pytest.mark.parametrize("number", [1, 2, 3])
def test_keys_name_folders(number):
    for row in TABLES[number].rows:
        assert row.key and not set(row.key) & set(' /\\&"')
