import numpy as np

from audioplane.evaluate.figures.contact_sheet import (
    COLUMNS,
    DIFFERENCE_GAIN,
    HEADER,
    SheetRow,
    colour_map,
    contact_sheet,
)


def row(value: int, rendered: int, dynamic: float) -> SheetRow:
    def grey(v: int) -> np.ndarray:
        return np.full((20, 100, 3), v, np.uint8)

    return SheetRow("frame", grey(value), grey(rendered), np.full((20, 100), dynamic))


def test_every_column_shows_what_its_title_says() -> None:
    sheet = contact_sheet([row(100, 110, 0.0), row(50, 250, 1.0)], cell=100)
    assert sheet.shape == (HEADER + 2 * (HEADER + 20), 4 * 100, 3) and len(COLUMNS) == 4
    second = HEADER + HEADER + 20 + HEADER
    first_line, second_line = sheet[2 * HEADER : 2 * HEADER + 20], sheet[second:]
    for column, value in enumerate((100, 110, 10 * DIFFERENCE_GAIN)):
        assert (first_line[:, column * 100 : column * 100 + 100] == value).all()
    for column, value in enumerate((50, 250, 255)):
        assert (second_line[:, column * 100 : column * 100 + 100] == value).all()
    assert first_line[:, 300:].mean() < 20 and second_line[:, 300:].mean() > 180


def test_titles_are_written() -> None:
    header = contact_sheet([row(0, 0, 0.0)])[:HEADER]
    assert all(np.ptp(header[:, i * 100 : (i + 1) * 100]) > 100 for i in range(4))


def test_large_frames_are_reduced() -> None:
    big = SheetRow("f", *(np.zeros((512, 512, 3), np.uint8),) * 2, np.zeros((512, 512)))
    assert contact_sheet([big], cell=64).shape == (2 * HEADER + 64, 256, 3)


def test_map_is_ordered_and_clipped() -> None:
    colours = colour_map(np.array([[-1.0, 0.0, 0.3, 0.6, 1.0, 2.0]]))[0].astype(int).sum(-1)
    assert (np.diff(colours)[1:-1] > 0).all()
    assert colours[0] == colours[1] and colours[-1] == colours[-2]
