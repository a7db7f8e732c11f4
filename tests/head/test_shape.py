import pytest

from audioplane.head import HeadShape


@pytest.mark.parametrize(
    "wrong",
    [
        {"cell_features": 12},
        {"scales": ()},
        {"scales": (1, 0)},
        {"grid_size": 4096},
        {"feature_dim": 0},
        {"time_cells": 10**9},
    ],
    ids=str,
)
def test_a_shape_that_no_head_can_have_is_refused(wrong):
    with pytest.raises(ValueError, match="choose"):
        HeadShape(**{"feature_dim": 6} | wrong)


def test_shapes_of_version_0_1_are_read():
    old = {"feature_dim": 6, "sh_degree": 1, "scales": [1, 2]}
    assert HeadShape.from_facts(old) == HeadShape(feature_dim=6, scales=(1, 2))
    for wrong in (
        {"sh_degree": 2},
        {"unknown": 1},
        {"feature_dim": None},
        {"encoder": "none"},
        {"scales": 3},
    ):
        with pytest.raises(ValueError):
            HeadShape.from_facts(old | wrong)
