"""The fleet's page: every head's picture, scores and time, and failures by kind."""

import numpy as np

from audioplane.errors import MediaError
from audioplane.fleet.state import VideoState
from audioplane.fleet.status import FleetStatus, fleet_status
from audioplane.fleet.steps import PREVIEW
from audioplane.fleet.store import Store
from audioplane.media.image import decode_image
from audioplane.page import (
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
)

MOST_PICTURES = 1_000
"""Heads beyond these have a row in the table, but no picture: a page of 10 MB loads fast enough."""
_COLUMNS = (
    ("PSNR, dB", "psnr", "{:.1f}"),
    ("SSIM", "ssim", "{:.3f}"),
    ("LPIPS", "lpips", "{:.3f}"),
    ("mouth PSNR, dB", "mouth_psnr", "{:.1f}"),
    ("LMD, px", "lmd", "{:.2f}"),
    ("MAC", "mac", "{:.2f}"),
    ("frames", "frames", "{:.0f}"),
    ("pack, MB", "megabytes", "{:.1f}"),
)


def fleet_page(store: str | Store) -> str:
    """One HTML page about all videos of a store, at any moment.

    Raises `StoreError` where the store cannot be read.
    """
    opened = store if isinstance(store, Store) else Store(store)
    return page_of(opened, fleet_status(opened))


def page_of(store: Store, status: FleetStatus) -> str:
    """The same, of a status that is known. Raises `StoreError`."""
    lead = ", ".join(f"{n} {word}" for word, n in sorted(status.counts.items())) or "no video yet"
    heads = [status.states[n] for n in status.names if status.word(n) == "done"]
    sections = [
        Section("Heads", [_pictures(store, heads), _scores(heads)]),
        Section("Failures", _failures(status)),
        Section("Not finished", [_unfinished(status)]),
        Section("Time", [_times(heads)]),
    ]
    return text_page("A fleet of heads", f"{len(status.names)} videos: {lead}.", sections)


def _pictures(store: Store, heads: list[VideoState]) -> Html:
    shown = heads[:MOST_PICTURES]
    found = store.read_many([f"heads/{state.name}/{PREVIEW}" for state in shown])
    parts = []
    for state in shown:
        caption = paragraph(f"{state.name}: {_score(state)}")
        try:
            image = decode_image(found[f"heads/{state.name}/{PREVIEW}"], 3, state.name)
        except (KeyError, MediaError):
            continue
        picture = img(image, f"{state.name}: recording left, render right")
        parts.append(Html(picture + caption))
    if not parts:
        return empty("no head has a picture yet: evaluate makes it")
    more = f" The first {MOST_PICTURES} are shown." if len(heads) > MOST_PICTURES else ""
    caption = f"Recording left, render right, of a held-out frame.{more}"
    return figure(side_by_side(parts), "Every head", caption)


def _score(state: VideoState) -> str:
    psnr, mac = state.figures.get("psnr"), state.figures.get("mac")
    said = [f"{psnr:.1f} dB"] if psnr is not None else []
    said += [f"MAC {mac:.2f}"] if mac is not None else []
    return ", ".join(said) or "no scores"


def _scores(heads: list[VideoState]) -> Html:
    if not heads:
        return empty("no head is done yet")
    rows = [
        [
            state.name,
            *(_cell(state.figures.get(key), form) for _, key, form in _COLUMNS),
            _minutes(state.seconds),
        ]
        for state in heads
    ]
    columns = ["head", *(title for title, _, _ in _COLUMNS), "minutes"]
    return table(columns, rows, "Held-out frames, poses as tracked")


def _cell(value: float | None, form: str) -> str | None:
    return None if value is None else form.format(value)


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:.1f}"


def _failures(status: FleetStatus) -> list[Html]:
    parts = []
    for kind, states in status.failures.items():
        said = [f"{s.name}, at {s.failure.step}: {s.failure.message}" for s in states if s.failure]
        parts.append(Html(f"<h3>{escape(f'{kind}: {len(states)}')}</h3>{listing(said)}"))
    return parts or [paragraph("None.")]


def _unfinished(status: FleetStatus) -> Html:
    rows = []
    for name in status.names:
        word, state = status.word(name), status.states.get(name)
        if word in ("working", "quiet", "stopped"):
            ago = status.now - state.updated if state else 0.0
            rows.append([name, word, state.at if state else "", f"{ago / 60:.0f}"])
    waiting = status.counts.get("waiting", 0)
    told = paragraph(f"{waiting} videos wait." if waiting else "No video waits.")
    columns = ["video", "", "step", "minutes since its last word"]
    return Html(told + (table(columns, rows, wide=(1, 2)) if rows else ""))


def _times(heads: list[VideoState]) -> Html:
    """Time of every step over all heads."""
    steps: dict[str, list[float]] = {}
    for state in heads:
        for name, record in state.steps.items():
            steps.setdefault(name, []).append(record.seconds)
    if not steps:
        return empty("no head is done yet")
    return facts(
        {
            name: f"{np.median(seconds) / 60:.1f} minutes in the median, "
            f"{max(seconds) / 60:.1f} at most, {sum(seconds) / 3600:.1f} hours of machines in all"
            for name, seconds in steps.items()
        }
    )
