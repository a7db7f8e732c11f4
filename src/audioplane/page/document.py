"""Elements of a page. Text is escaped here; `Html` comes from this package only."""

import base64
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape as _escape
from typing import NewType
from urllib.parse import quote

import numpy as np
from jaxtyping import UInt8

from audioplane.media.image import encode_image
from audioplane.page.style import STYLE

Html = NewType("Html", str)
"""Markup that may go into a page as it is."""


@dataclass(frozen=True)
class Section:
    """A heading and its content."""

    title: str
    parts: Sequence[Html]


def text_page(title: str, lead: str, sections: Iterable[Section]) -> str:
    """A whole HTML document that needs no other file."""
    body = "".join(
        f"<section><h2>{_escape(s.title)}</h2>{''.join(s.parts)}</section>" for s in sections
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{_escape(title)}</title><style>{STYLE}</style></head><body><main>"
        f'<h1>{_escape(title)}</h1><p class="lead">{_escape(lead)}</p>{body}</main></body></html>\n'
    )


def escape(text: str) -> Html:
    """Plain text as markup."""
    return Html(_escape(text))


def paragraph(text: str) -> Html:
    """A paragraph of plain text."""
    return Html(f"<p>{_escape(text)}</p>")


def listing(items: Iterable[str]) -> Html:
    """A list of plain texts; nothing for none."""
    rows = "".join(f"<li>{_escape(item)}</li>" for item in items)
    return Html(f"<ul>{rows}</ul>" if rows else "")


def facts(values: Mapping[str, str]) -> Html:
    """Names and what they stand for."""
    rows = "".join(f"<dt>{_escape(k)}</dt><dd>{_escape(v)}</dd>" for k, v in values.items())
    return Html(f"<dl>{rows}</dl>")


def empty(reason: str) -> Html:
    """The text where a figure is missing: why, and how to get it."""
    return Html(f'<p class="empty">{_escape(reason)}</p>')


def figure(content: Html, title: str, caption: str) -> Html:
    """A figure and one sentence about it."""
    return Html(
        f"<figure>{content}<figcaption><b>{_escape(title)}.</b> {_escape(caption)}</figcaption>"
        "</figure>"
    )


def side_by_side(parts: Iterable[Html]) -> Html:
    """Parts in a row, wrapped where there is no room."""
    return Html(f'<div class="row">{"".join(f"<div>{p}</div>" for p in parts)}</div>')


def table(
    columns: Sequence[str],
    rows: Iterable[Sequence[str | None]],
    caption: str = "",
    wide: Sequence[int] = (),
) -> Html:
    """A table whose cells are plain text; None is an empty cell, and screen readers say so.

    Columns in `wide` hold words, not figures.
    """

    def kind(i: int) -> str:
        return ' class="wide"' if i in wide else ""

    def cell(i: int, value: str | None) -> str:
        if value is None:
            return '<td class="none" aria-label="empty">–</td>'
        return f"<td{kind(i)}>{_escape(value)}</td>"

    head = "".join(f'<th scope="col"{kind(i)}>{_escape(c)}</th>' for i, c in enumerate(columns))
    body = "".join(
        f"<tr>{''.join(cell(i, value) for i, value in enumerate(row))}</tr>" for row in rows
    )
    title = f"<caption>{_escape(caption)}</caption>" if caption else ""
    return Html(
        f'<div class="scroll"><table>{title}<thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def img(
    image: UInt8[np.ndarray, "h w 3"], alt: str, suffix: str = ".jpg", quality: int = 85
) -> Html:
    """An RGB image, inside the page."""
    height, width = image.shape[:2]
    source = data_uri(encode_image(image, suffix, quality), f"image/{suffix[1:]}")
    return Html(
        f'<img src="{source}" width="{width}" height="{height}" alt="{_escape(alt)}" '
        'loading="lazy">'
    )


def video(mp4: bytes, label: str) -> Html:
    """A video with controls, inside the page."""
    return Html(
        f'<video controls playsinline preload="metadata" aria-label="{_escape(label)}" '
        f'src="{data_uri(mp4, "video/mp4")}"></video>'
    )


def video_beside(name: str, label: str) -> Html:
    """A video with controls, from a file in the page's folder."""
    return Html(
        f'<video controls playsinline preload="metadata" aria-label="{_escape(label)}" '
        f'src="{_escape(quote(os.fsencode(name)))}"></video>'
    )


def data_uri(data: bytes, kind: str) -> str:
    """A data URI of bytes."""
    kind = kind.replace("jpg", "jpeg")
    return f"data:{kind};base64,{base64.b64encode(data).decode('ascii')}"
