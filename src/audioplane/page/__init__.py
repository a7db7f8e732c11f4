"""Self-contained HTML pages: text, tables, images, videos and plots."""

from audioplane.page.document import (
    Html,
    Section,
    empty,
    escape,
    facts,
    figure,
    img,
    listing,
    paragraph,
    side_by_side,
    table,
    text_page,
    video,
    video_beside,
)
from audioplane.page.plot import Line, area_plot, heat_map, line_plot

__all__ = [
    "Html",
    "Line",
    "Section",
    "area_plot",
    "empty",
    "escape",
    "facts",
    "figure",
    "heat_map",
    "line_plot",
    "listing",
    "paragraph",
    "img",
    "side_by_side",
    "table",
    "text_page",
    "video",
    "video_beside",
]
