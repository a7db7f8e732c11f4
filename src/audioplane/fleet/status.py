"""Where a fleet stands, from its store alone."""

import json
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from audioplane.fleet.state import VideoState, read_states
from audioplane.fleet.store import Store

_NAMES = "names.json"
QUIET = 600.0
"""Seconds without a word after which a video at work counts as left behind."""


@dataclass(frozen=True)
class FleetStatus:
    """Every video that the store knows of."""

    names: Sequence[str]
    """In the order of the last manifest, then others."""
    states: Mapping[str, VideoState]
    """Of those that were begun."""
    now: float
    """Seconds since the epoch."""

    def word(self, name: str) -> str:
        """One word for where a video stands: waiting, working, quiet, stopped, done, failed,
        lost."""
        state = self.states.get(name)
        if state is None:
            return "waiting"
        if state.stage == "working" and self.now - state.updated > QUIET:
            return "quiet"
        return state.stage

    @property
    def counts(self) -> dict[str, int]:
        """Videos by their word."""
        return dict(Counter(self.word(name) for name in self.names))

    @property
    def failures(self) -> dict[str, list[VideoState]]:
        """Videos without a head by kind of failure, most frequent first."""
        kinds: dict[str, list[VideoState]] = {}
        for name in self.names:
            state = self.states.get(name)
            if state is not None and state.failure is not None:
                kinds.setdefault(state.failure.kind, []).append(state)
        return dict(sorted(kinds.items(), key=lambda kind: -len(kind[1])))

    def to_json(self) -> str:
        """For scripts."""
        heads = {}
        for name in self.names:
            state = self.states.get(name)
            heads[name] = {"stage": self.word(name)}
            if state is not None:
                heads[name] |= {
                    "at": state.at,
                    "steps": {k: v.seconds for k, v in state.steps.items()},
                    "figures": state.figures,
                    "worker": state.worker,
                    "updated": state.updated,
                }
                if state.failure is not None:
                    heads[name]["failure"] = vars(state.failure)
        return json.dumps({"counts": self.counts, "heads": heads}, indent=1)


def fleet_status(store: str | Store) -> FleetStatus:
    """Where the videos of a store stand, while or after they are worked on.

    Args:
        store: URL of the store, any that fsspec knows.

    Returns:
        The state of every video, with failures and scores.

    Raises:
        StoreError: The store cannot be read.
        InstallError: fsspec lacks the package for its protocol.
    """
    opened = store if isinstance(store, Store) else Store(store)
    states = read_states(opened)
    known = opened.read(_NAMES)
    names: list[str] = json.loads(known) if known else []
    names += sorted(set(states) - set(names))
    return FleetStatus(names, states, time.time())


def keep_names(store: Store, names: Sequence[str]) -> None:
    """Keep the names of a manifest, so that those that wait are known. Raises `StoreError`."""
    store.write(_NAMES, json.dumps(list(names)).encode())
