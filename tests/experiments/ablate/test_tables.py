"""The tables are the paper's."""

import pytest

from audioplane.experiments.ablate.tables import TABLES, variants
from audioplane.train import TrainConfig


def test_every_variant_is_a_setting_that_exists_and_the_full_model_is_shared():
    for table in TABLES.values():
        assert "full" in [variant.key for variant in table.variants]
        labels = [variant.label for variant in table.variants]
        assert {label for pair in table.expected for label in pair} <= set(labels)
        for variant in table.variants:
            changed = TrainConfig().with_changes(**variant.changes)
            assert (changed == TrainConfig()) == (variant.key == "full")
    assert len(variants((1, 2, 3))) == 12
    assert next(iter(variants((2,)))) == "full"


@pytest.mark.parametrize("number", [1, 2, 3])
def test_keys_name_folders(number):
    for variant in TABLES[number].variants:
        assert variant.key and not set(variant.key) & set(' /\\&"')
