"""Feature kinds: ways to compute speech features by name, built in or added.

A kind defines how it is computed, whole or in a stream, the model that it needs, and its file names
in other projects. Adding one takes one file:

    def loudness(speech: Speech) -> np.ndarray:
        steps = np.log10(speech.power + 1e-7)[:, None]              # 50 a second
        return centred_windows(steps, speech.frames, silence=-7.0)  # [T, 16, 1]

    register(FeatureKind("loudness", loudness, size=1))

From then on "loudness" is a kind, and so are "loudness+phones" and other combinations.
"""

import re
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from audioplane.assets import ModelFile
from audioplane.errors import SpeechError
from audioplane.speech.sound import Speech
from audioplane.speech.step_stream import StepStream
from audioplane.speech.window import WINDOW

Chunks = Iterator[Float[np.ndarray, "_ w f"]]
"""Windows of consecutive frames."""
DEFAULT_KIND = "mel+ipa"
"""The best on held-out speech among those without a download (docs/decisions/speech.md)."""


@dataclass(frozen=True)
class FeatureKind:
    """One kind of speech features."""

    name: str
    """Lower-case letters, digits, "-" and "_"; the features lie in `aud_<name>.npy`."""
    compute: Callable[..., np.ndarray | Chunks] | None
    """A `Speech`, and the path of `model` where there is one → [T, `window`, `size`], 25 rows a
    second, or an iterator of that in chunks, for sounds of any length in constant memory. None for
    a kind that is only read from files."""
    size: int
    """Values of one step."""
    about: str = ""
    """One line for help texts."""
    window: int = WINDOW
    """Steps in the window of one frame."""
    stream: type[StepStream] | None = None
    """Computes it in a stream; None where it cannot. Its `window` is `WINDOW`."""
    model: ModelFile | None = None
    """The network it needs, which cannot be shipped."""
    package: str = ""
    """The library that runs it, by its import name; the extra `speech` installs it."""
    aliases: tuple[str, ...] = ()
    """Names of the same features in other projects."""
    files: tuple[str, ...] = ()
    """Further names of its file in folders of other projects."""
    parts: "tuple[FeatureKind, ...]" = ()
    """The kinds that a combination is made of."""

    @property
    def streams(self) -> tuple[type[StepStream], ...] | None:
        """The streams that compute its parts side by side; None where it cannot be streamed."""
        streams = [part.stream for part in self.parts or (self,)]
        found = tuple(stream for stream in streams if stream is not None)
        return found if len(found) == len(streams) else None

    def chunks(self, speech: Speech, model: Path | None = None) -> Chunks:
        """The result of `compute`, float32 and in chunks.

        Raises `SpeechError` where its sizes are not those that this kind states.
        """
        if self.compute is None:
            raise SpeechError(f"speech features '{self.name}' are only read from files")
        computed = self.compute(speech, model) if self.model else self.compute(speech)
        if not isinstance(computed, Iterable):
            raise SpeechError(
                f"the feature kind '{self.name}' computed a {type(computed).__name__}, expected an "
                "array or an iterator of arrays"
            )
        rows = 0
        for chunk in (computed,) if isinstance(computed, np.ndarray) else computed:
            size = chunk.shape[2] if self.model and chunk.ndim == 3 else self.size
            if chunk.shape[1:] != (self.window, size):
                raise SpeechError(
                    f"the feature kind '{self.name}' computed an array of shape {chunk.shape}, "
                    f"expected [frames, {self.window}, {size}]"
                )
            rows += len(chunk)
            if rows > speech.frames:
                break
            yield chunk.astype(np.float32, copy=False)
        if rows != speech.frames:
            raise SpeechError(
                f"the feature kind '{self.name}' computed {rows} frames, the sound has "
                f"{speech.frames}"
            )


_KINDS: dict[str, FeatureKind] = {}


def register(kind: FeatureKind) -> FeatureKind:
    """Register a kind by its name and aliases; returns it.

    Raises `SpeechError` for a name that is taken or has characters that are not allowed.
    """
    if not kind.parts and not re.fullmatch("[a-z0-9_-]+", kind.name):
        raise SpeechError(f"a feature kind cannot be named '{kind.name}': use a-z, 0-9, - and _")
    for name in (kind.name, *kind.aliases):
        if name in _KINDS or _by_alias(name):
            raise SpeechError(f"there is a feature kind '{name}' already: choose another name")
    _KINDS[kind.name] = kind
    return kind


def combine(*kinds: FeatureKind) -> FeatureKind:
    """The values of several kinds side by side, named after all of them: `mel+phones`.

    Raises `SpeechError` for kinds whose windows differ, or of which more than one needs a model.
    """
    name = "+".join(kind.name for kind in kinds)
    if len({kind.window for kind in kinds}) > 1:
        windows = ", ".join(f"{kind.name} {kind.window}" for kind in kinds)
        raise SpeechError(f"'{name}' cannot be combined: their windows differ ({windows} steps)")
    models = [kind for kind in kinds if kind.model]
    if len(models) > 1:
        raise SpeechError(f"'{name}' cannot be combined: more than one of them needs a model")

    def compute(speech: Speech, model: Path | None = None) -> Chunks:
        return _side_by_side([kind.chunks(speech, model) for kind in kinds])

    return FeatureKind(
        name,
        compute if all(kind.compute for kind in kinds) else None,
        sum(kind.size for kind in kinds),
        f"{' and '.join(kind.name for kind in kinds)}, side by side",
        kinds[0].window,
        model=models[0].model if models else None,
        package=models[0].package if models else "",
        parts=kinds,
    )


def _side_by_side(parts: list[Chunks]) -> Chunks:
    """Concatenate the values of the same frames, whatever the lengths of the chunks."""
    held = [next(part, None) for part in parts]
    while all(chunk is not None for chunk in held):
        chunks = [chunk for chunk in held if chunk is not None]
        count = min(map(len, chunks))
        yield np.concatenate([chunk[:count] for chunk in chunks], axis=2)
        rests = [chunk[count:] for chunk in chunks]
        held = [
            rest if len(rest) else next(part, None) for rest, part in zip(rests, parts, strict=True)
        ]


def kind_names() -> tuple[str, ...]:
    """The kinds that can be computed here, in the order of registration."""
    return tuple(name for name, kind in _KINDS.items() if kind.compute)


def feature_kind(name: str) -> FeatureKind:
    """A kind by its name, an alias, or the names of several joined by "+".

    Raises `SpeechError` for a name that is not known.
    """
    if found := _KINDS.get(name) or _by_alias(name):
        return found
    parts = name.split("+")
    if len(parts) > 1 and all(part in _KINDS for part in parts):
        return combine(*(_KINDS[part] for part in parts))
    raise SpeechError(
        f"there are no speech features '{name}': choose one of {', '.join(kind_names())}"
    )


def _by_alias(name: str) -> FeatureKind | None:
    return next((kind for kind in _KINDS.values() if name in kind.aliases), None)


def can_compute(name: str) -> bool:
    """Whether there is a kind of this name or alias that can be computed here."""
    try:
        return feature_kind(name).compute is not None
    except SpeechError:
        return False


def feature_files(name: str) -> tuple[str, ...]:
    """Names of the files in a subject's folder that may hold these features: the first that is
    there does. Unregistered features have a file of their own name."""
    kind = _KINDS.get(name) or _by_alias(name)
    if kind is None:
        return (f"aud_{name}.npy",)
    names = dict.fromkeys((name, kind.name, *kind.aliases))
    return (*(f"aud_{n}.npy" for n in names), *kind.files)


def kinds_in(files: Collection[str]) -> list[str]:
    """Names of the features in a folder that has these files, as `feature_files` takes them."""
    names = {match[1] for file in files if (match := re.fullmatch(r"aud_(.+)\.npy", file))}
    names |= {kind.name for kind in _KINDS.values() if set(kind.files) & set(files)}
    return sorted(names)
