import re

import numpy as np
import pytest

from audioplane.page import Line, area_plot, heat_map, line_plot
from audioplane.page.plot import ticks


def line(y: list[float], label: str = "a") -> Line:
    return Line(label, np.arange(len(y), dtype=float), np.array(y, float))


def paths(html: str) -> list[str]:
    return re.findall(r'<path class="line[^"]*" d="([^"]*)"', html)


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 10, [0, 2, 4, 6, 8, 10]),
        (0.013, 0.081, [0.02, 0.04, 0.06, 0.08]),
        (-1, 1, [-1, -0.5, 0, 0.5, 1]),
        (3, 3, [3]),
    ],
)
def test_ticks_are_round_and_inside(low, high, expected):
    assert ticks(float(low), float(high), 5) == pytest.approx(expected)


def test_a_line_goes_from_corner_to_corner_and_stops_where_nothing_is_known():
    html = line_plot([line([0, 5, 10])], "y", "x", "rises")
    assert paths(html) == ["M0.0 1000.0L500.0 500.0L1000.0 0.0"]
    gap = line_plot([line([0, np.nan, 10, 10])], "y", "x", "has a gap")
    assert paths(gap) == ["M0.0 1000.0h0M666.7 0.0L1000.0 0.0"]


def test_a_line_of_which_nothing_is_known_is_an_empty_plot():
    html = line_plot([line([np.nan, np.nan])], "y", "x", "unseen")
    assert paths(html) == [""] and 'class="y"' not in html and "nan" not in html


def test_only_several_lines_need_a_key_and_all_have_an_alt_text():
    one = line_plot([line([0, 1])], "loss", "iterations", "the <loss>")
    assert 'class="keys"' not in one and 'aria-label="the &lt;loss&gt;"' in one
    two = line_plot([line([0, 1], "render"), line([1, 0], "truth")], "y", "x", "both")
    assert 'class="keys"' in two and "render" in two and "truth" in two


def test_a_line_of_one_value_and_a_long_one_are_drawn():
    assert paths(line_plot([line([4.0, 4.0])], "y", "x", "flat"))
    long = line_plot([line(list(np.sin(np.arange(9000) / 500)))], "y", "x", "long")
    assert paths(long)[0].count("L") < 1200


def test_a_long_line_is_drawn_where_some_of_its_values_are_unknown():
    values = np.sin(np.arange(9000) / 500)
    values[::2] = np.nan
    values[3000:6000] = np.nan
    (path,) = paths(line_plot([line(list(values))], "y", "x", "long"))
    assert path.count("M") == 2 and path.count("L") > 600


def test_large_numbers_are_written_short():
    html = line_plot([Line("", np.array([0.0, 22000.0]), np.array([0.0, 1.0]))], "y", "x", "")
    assert ">20k<" in html and ">-0<" not in html


def test_an_area_starts_at_zero():
    html = area_plot(np.array([0.0, 1.0]), np.array([2.0, 4.0]), "level", "s", "a level")
    assert 'd="M0.0 500.0L1000.0 0.0V1000H0Z"' in html


def test_every_row_of_a_map_has_its_label():
    colours = np.zeros((2, 3, 3), np.uint8)
    html = heat_map(colours, (0.0, 3.0), ["<first>", "second"], "weights", "s", "two rows")
    assert "&lt;first&gt;" in html and "second" in html and "data:image/png;base64," in html
