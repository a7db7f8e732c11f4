"""Motion without end from recorded frames: which of them are shown, one moment after the other.

Decisions need no look-ahead of the speech, and memory of the recording's size: a file and a stream
move alike.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Protocol

import numpy as np
from jaxtyping import Float

from audioplane.clock import FPS, ping_pong
from audioplane.drive.moment import Moment
from audioplane.run.motion_graph import EASE, MotionGraph, eased, faded
from audioplane.subject import FrameRef

_AGAIN = 20 * FPS
"""Frames within which none should be shown again."""
_FEW = 0.6
"""In short recordings: the same in proportion to their frames."""
_AHEAD, _LOOK = 30 * FPS, 3 * FPS
"""Frames that a plan covers; frames after a jump by which it is judged at first."""
_PLANS, _BRANCHES = 10, 5
"""Plans that are kept at a time; jumps by which each is continued."""
_NOW = 2 * FPS
"""Frames of a plan that should suit the speech of this moment."""
_STAY = FPS
"""Frames between jumps, fewer of which are avoided."""
_REPEAT, _MISMATCH, _JUMP, _HASTE, _CHANCE = 8.0, 1.0, 16.0, 16.0, 4.0
"""Weights: of a frame shown again at once, of one with speech for silence or silence for speech,
of a jump whose sides differ as far as they may, of one right after another, and of chance."""


class Motion(Protocol):
    """Chooses moments, one after the other, without end."""

    def step(self, speaks: bool) -> Moment:
        """The next moment; whether the head speaks in it."""
        ...


class ToAndFro:
    """Frames in their order and back again: rows of a table, and recordings in which nothing can be
    gone on with elsewhere."""

    def __init__(self, refs: Sequence[FrameRef]):
        self._refs, self._count = refs, count()

    def step(self, speaks: bool) -> Moment:
        return Moment(self._refs[ping_pong(next(self._count), len(self._refs))])


class GraphMotion:
    """Follows a motion graph forwards only: stretches of the recording, jumps between them."""

    def __init__(self, graph: MotionGraph, seed: int = 0):
        """`seed`: another seed, another choice of stretches."""
        self._graph, self._random = graph, np.random.default_rng(seed)
        self._span = min(_AGAIN, _FEW * int(graph.kept.sum()))
        """Frames within which none should be shown again here."""
        self._shown = np.full(len(graph.refs), -np.inf)
        """When each frame was shown last."""
        self._time = 0
        self._at = int(np.flatnonzero(graph.kept)[0])
        """The frame that is shown."""
        self._jump = 0
        """Number of the next jump."""
        self._later: tuple[int, ...] = ()
        """Jumps that were planned, the next first."""
        self._easing: Iterator[Moment] = iter([Moment(graph.refs[self._at])])
        self._speaks = True
        self._plan()

    def step(self, speaks: bool) -> Moment:
        """The next moment. Where the speech begins or ends, the motion is planned anew."""
        moment = next(self._easing, None)
        if moment is None:
            if speaks != self._speaks:
                self._speaks = speaks
                self._plan()
            if self._at == self._graph.exits[self._jump]:
                self._easing = self._eased(self._jump)
                moment = next(self._easing)
            else:
                self._at += 1
                self._shown[self._at] = self._time
                moment = Moment(self._graph.refs[self._at])
        self._time += 1
        return moment

    def _eased(self, jump: int) -> Iterator[Moment]:
        refs = self._graph.refs
        leaving, entry = int(self._graph.exits[jump]) + 1, int(self._graph.entries[jump])
        for k in range(EASE):
            self._shown[[leaving + k, entry + k]] = self._time
            self._at = entry + k
            if k == EASE - 1:
                self._later = self._later[1:]
                self._plan()
            yield Moment(refs[leaving + k], refs[entry + k], eased(k), faded(k))

    def _plan(self) -> None:
        """Choose the next jump: the first of the best plan that a beam search finds."""
        started = _Plan(0.0, 0, self._at, self._shown, (), self._later)
        plans, done = [started], []
        while plans:
            steps = [step for plan in plans for step in self._steps(plan)]
            steps.sort(key=lambda step: (not step.intended, step.expected))
            plans = [self._taken(step) for step in steps[:_PLANS]]
            done += [plan for plan in plans if plan.frames >= _AHEAD]
            plans = [plan for plan in plans if plan.frames < _AHEAD]
        best = min(done, key=lambda plan: plan.cost / plan.frames)
        self._jump, self._later = best.jumps[0], best.jumps

    def _steps(self, plan: "_Plan") -> list["_Step"]:
        """The best few next jumps of a plan."""
        graph, at, now = self._graph, plan.at, self._time + plan.frames
        last = int(np.searchsorted(graph.exits, graph.ends[at], "right"))
        jumps = np.arange(int(np.searchsorted(graph.exits, at)), last)
        lengths = graph.exits[jumps] - at
        ahead = np.arange(at + 1, graph.ends[at] + 1)
        times = now + np.arange(len(ahead))
        costs = _REPEAT * self._again(times - plan.shown[ahead])
        if plan.frames < _NOW:
            unlike = graph.spoken[ahead] != self._speaks
            costs += _MISMATCH * (unlike & (times < self._time + _NOW))
        until = np.concatenate([[0.0], np.cumsum(costs)])[lengths]
        until += _HASTE * np.maximum(0, 1 - lengths / _STAY)
        until += _JUMP * graph.costs[jumps] ** 2 + _CHANCE * self._random.random(len(jumps))
        # Beyond the jump: its next frames, and the mean of all for the rest.
        usual = self._again(now - plan.shown)
        total = np.concatenate([[0.0], np.cumsum(_REPEAT * usual)])
        land = graph.entries[jumps]
        beyond = np.minimum(land + _LOOK, graph.ends[land] + 1)
        frames = plan.frames + lengths + EASE
        just = np.minimum(beyond, graph.exits[jumps] + EASE + 1) - np.maximum(land, at + 1)
        rest = (total[beyond] - total[land] + _REPEAT * np.maximum(just, 0)) / (beyond - land)
        expected = plan.cost + until + rest * np.maximum(_LOOK, _AHEAD - frames)
        if plan.frames < _NOW:
            unlike = np.concatenate([[0], np.cumsum(graph.spoken != self._speaks)])
            short = np.clip(_NOW - frames, 0, beyond - land)
            expected += _MISMATCH * short * (unlike[beyond] - unlike[land]) / (beyond - land)
        best = np.argsort(expected / np.maximum(_AHEAD, frames + _LOOK), kind="stable")[:_BRANCHES]
        intended = np.flatnonzero(jumps == plan.intended[0]) if plan.intended else best[:0]
        return [
            _Step(plan, int(jumps[i]), float(until[i]), float(expected[i]), again)
            for chosen, again in ((best, False), (intended, True))
            for i in chosen
        ]

    def _taken(self, step: "_Step") -> "_Plan":
        graph, plan, jump = self._graph, step.plan, step.jump
        exit, entry = int(graph.exits[jump]), int(graph.entries[jump])
        now = self._time + plan.frames
        shown, ease = plan.shown.copy(), np.arange(EASE)
        length = exit - plan.at
        shown[plan.at + 1 : exit + 1] = now + np.arange(length)
        again = self._again(now + length + ease - shown[entry + ease]).sum()
        shown[exit + 1 + ease] = shown[entry + ease] = now + length + ease
        cost = plan.cost + step.cost + _REPEAT * float(again)
        frames, jumps = plan.frames + length + EASE, (*plan.jumps, jump)
        intended = plan.intended[1:] if step.intended else ()
        return _Plan(cost, frames, entry + EASE - 1, shown, jumps, intended)

    def _again(self, ages: Float[np.ndarray, " t"]) -> Float[np.ndarray, " t"]:
        """How soon frames are shown again: 1 at once to 0 when long enough after."""
        return np.clip(1.4 - ages / self._span, 0, 1)


@dataclass(frozen=True)
class _Plan:
    """Jumps after one another."""

    cost: float
    frames: int
    """That it takes."""
    at: int
    """The frame where it ends."""
    shown: Float[np.ndarray, " n"]
    """When each frame was shown last, at its end."""
    jumps: tuple[int, ...]
    intended: tuple[int, ...]
    """Jumps of the plan before, which are looked at again."""


@dataclass(frozen=True)
class _Step:
    """One more jump of a plan."""

    plan: _Plan
    jump: int
    cost: float
    """Of the frames up to it, and its own."""
    expected: float
    """Of the whole plan."""
    intended: bool
    """Whether the plan before had it."""
