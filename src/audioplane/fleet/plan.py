"""What is to be done: entries beside what the store knows, without reading a video."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from audioplane.fleet.job import Step, settings_key, step_keys
from audioplane.fleet.manifest import Entry
from audioplane.fleet.state import VideoState
from audioplane.fleet.store import fingerprints

Need = Literal["done", "failed", "new", "changed", "unfinished", "retry"]
"""Nothing is to be done; it failed, and nothing of it changed; never begun; video or settings are
others; begun, stopped or lost; it failed and is tried again."""
AT_REST: tuple[Need, ...] = ("done", "failed")
"""Needs of nothing."""


@dataclass(frozen=True)
class Planned:
    """One entry and what is to be done for it."""

    entry: Entry
    need: Need
    steps: tuple[str, ...]
    """Steps that are missing, as far as is known before the video is read."""


def plan(
    entries: Sequence[Entry],
    states: Mapping[str, VideoState],
    steps: Sequence[Step],
    retry_failed: bool = False,
) -> list[Planned]:
    """What each entry needs.

    Args:
        entries: Of the manifest.
        states: Of the store, by name.
        steps: What happens to a video, in order.
        retry_failed: Whether what failed is tried again.
    """
    known = [e.video for e in entries if e.name in states]
    prints = fingerprints(known)
    return [
        _planned(e, states.get(e.name), prints.get(e.video, ""), steps, retry_failed)
        for e in entries
    ]


def _planned(
    entry: Entry, state: VideoState | None, fingerprint: str, steps: Sequence[Step], retry: bool
) -> Planned:
    everything = tuple(step.name for step in steps)
    if state is None:
        return Planned(entry, "new", everything)
    gone = state.stage == "done" and not fingerprint  # a head outlives its video
    same_video = gone or state.fingerprint == fingerprint
    if state.stage == "failed" and same_video and state.settings == settings_key(steps, entry):
        missing = tuple(name for name in everything if name not in state.steps)
        return Planned(entry, "retry" if retry else "failed", missing if retry else ())
    if not same_video or not state.sha256:
        return Planned(entry, "changed" if state.sha256 else "unfinished", everything)
    keys, done = step_keys(steps, entry, state.sha256), state.steps
    missing = tuple(k for k, key in keys.items() if k not in done or done[k].key != key)
    if not missing:
        # Whoever did the last step may have died before it said so.
        return Planned(entry, "done" if state.stage == "done" else "unfinished", ())
    changed = any(k in done for k in missing)
    return Planned(entry, "changed" if changed else "unfinished", missing)
