"""The writer of the folder that a browser needs: the head, its background, the page's code."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32

from audioplane.assets import check_output
from audioplane.credentials import ProvenanceOptions
from audioplane.credentials.installation import find_mark_key
from audioplane.credentials.provenance import new_session, who_agreed
from audioplane.drive.animator import Animator
from audioplane.drive.moment import Moment
from audioplane.errors import CredentialsError, MediaError, SpeechError
from audioplane.head.audio import AudioEncoder
from audioplane.mark import MarkPayload
from audioplane.progress import Counter, Report, ignore
from audioplane.run import Run
from audioplane.speech import Speech, StreamStatistics, stream_statistics
from audioplane.web.drawing import (
    BACKGROUND,
    HEAD,
    camera_array,
    drawn_facts,
    mark_cells,
    write_background,
)
from audioplane.web.head_bin import MAGIC, write_head_bin
from audioplane.web.path import find_path
from audioplane.web.plates import write_plates
from audioplane.web.recogniser import ipa_arrays, write_recogniser
from audioplane.web.student import teach
from audioplane.web.weights import Arrays, check_shape, head_arrays

TORSO, RECOGNISER = "torso.bin", "recogniser.bin"
_PAGE_KINDS = {"mel", "ipa"}
"""Kinds of features that the page computes."""
_MOST_MOMENTS, _MOST_TORSOS = 3000, 900
"""That a page shows; where each has its own torso, 2 kB at 512 x 512 pixels."""
_DEFAULT = ProvenanceOptions()


@dataclass(frozen=True)
class WebExport:
    """What `export_web` made."""

    path: Path
    """The folder; serve it with any static server."""
    bytes: int
    """Of all its files."""
    session: str
    """The random part of the mark in all its frames, 8 hex digits (docs/marking.md)."""
    notes: tuple[str, ...] = ()
    """For people: what the page's lips may not do as well as the head's."""


def export_web(
    run: Run,
    out: Path,
    options: ProvenanceOptions = _DEFAULT,
    speech: Sequence[Path] = (),
    report: Report = ignore,
) -> WebExport:
    """Write the folder with which any browser shows a head that speaks, without a server.

    Args:
        run: An open run or pack; a run's subject must be there.
        out: The folder, made if it is not there; files of an earlier export are replaced.
        options: Whose consent, where the head does not state it, and the key of the mark.
        speech: More speech, beside the subject's own, for the student of a head that hears what the
            page does not (`web.student`).
        report: Called with progress.

    Raises:
        CredentialsError: Nobody consented, the mark is switched off, or its key cannot be read or
            made.
        CheckpointError: The head is of a kind that the page cannot compute.
        SpeechError: The features of its kind cannot be computed here.
        SubjectError: The head has to be taught mel bands, and its subject is not there.
        MediaError: The folder cannot be written, or files that no export wrote would be replaced.
    """
    consent = who_agreed(options.consent, run.consent)
    key = find_mark_key(options.mark_key, create=True) if options.mark else None
    if key is None:
        raise CredentialsError("mark=False: a head is not exported without the mark")
    check_shape(run.head)
    _check_folder(out)
    audio = _audio_side(run, speech, report)
    session = new_session()
    payload = MarkPayload(int(run.sha256[:8], 16), int(session, 16))
    moments, path = _shown(run)
    animator = Animator(run.head, run.footage, run.views, run.bodies)
    arrays = head_arrays(run.head, audio.encoder) | camera_array(run) | path
    arrays |= _moment_arrays(moments, animator)
    arrays["mark"] = (mark_cells(payload, key), "i8")
    if run.rest is not None:
        arrays["rest"] = (run.rest.numpy().astype(np.float32), "f32")
    if run.opening is not None:
        own = run.opening.tensors().items()
        arrays |= {f"opening.{name}": (tensor.numpy(), "f32") for name, tensor in own}
    facts = _facts(run, consent, audio)
    files = [out / HEAD, out / BACKGROUND]
    if "ipa" in audio.kinds:
        arrays |= ipa_arrays()
    if run.torso == "recorded":
        files.append(out / TORSO)
        step = Counter(report, "torsos", len(moments))
        facts["torso"] = write_plates(out / TORSO, moments, path["path"][0], animator, step)
    write_head_bin(out / HEAD, facts, arrays)
    if "ipa" in audio.kinds:
        files.append(out / RECOGNISER)
        write_recogniser(out / RECOGNISER)
    write_background(animator.plate(moments[0]), out / BACKGROUND)
    files += _copy_page(out)
    for name in {TORSO, RECOGNISER} - {file.name for file in files}:
        (out / name).unlink(missing_ok=True)  # of an earlier export
    return WebExport(out, sum(file.stat().st_size for file in files), session, audio.notes)


@dataclass(frozen=True)
class _AudioSide:
    """What turns sound into codes in the browser."""

    kinds: Sequence[str]
    """Of features, side by side."""
    encoder: AudioEncoder
    voice: StreamStatistics
    """With which it begins."""
    notes: tuple[str, ...] = ()


def _audio_side(run: Run, speech: Sequence[Path], report: Report) -> _AudioSide:
    """The head's own, or a student where the page does not compute its features."""
    if set(kinds := run.speech.split("+")) <= _PAGE_KINDS:
        return _AudioSide(kinds, run.head.encoder, run.voice or StreamStatistics())
    own = run.subject.paths.audio
    if not own.is_file():
        raise SpeechError(
            f"{run.path} hears '{run.speech}', which browsers cannot compute, and its subject has "
            "no sound to teach mel bands by: train the head with speech='mel+ipa'"
        )
    sound = Speech.read(own)
    student = teach(run.head, run.speech, sound, [Speech.read(path) for path in speech], report)
    note = (
        f"the page hears mel bands, not '{run.speech}': its lips follow those of the head with a "
        f"correlation of {student.agreement:.2f} on speech that they were not fitted to "
        "(docs/browser.md)"
    )
    return _AudioSide(["mel"], student.encoder, stream_statistics(sound, "mel"), (note,))


def _facts(run: Run, consent: str, audio: _AudioSide) -> dict[str, Any]:
    """The header of `head.bin`."""
    level, bands = audio.voice.level, audio.voice.bands
    return drawn_facts(run, consent) | {
        "scales": list(run.head.shape.scales),
        "fusion": run.head.shape.fusion,
        "hears": list(audio.kinds),
        "voice": {"level": level, "bands": [round(float(x), 3) for x in bands]},
    }


def _shown(run: Run) -> tuple[Sequence[Moment], Arrays]:
    """The moments that the page shows, and the path along which it does; to and fro without."""
    most = _MOST_TORSOS if run.torso == "recorded" else _MOST_MOMENTS
    path = None if run.motion is None else find_path(run.motion, most)
    if path is not None:
        return path.moments, {"path": (path.rows, "f32")}
    if run.torso != "recorded":
        return [Moment(ref) for ref in run.footage.loop[:most]], {}
    # Torsos are decoded forwards alone: the way back has its own.
    moments = [Moment(ref) for ref in run.footage.loop[: most // 2 + 1]]
    moments += moments[-2:0:-1]
    return moments, {"path": (np.arange(len(moments), dtype=np.uint16), "f32")}


def _moment_arrays(moments: Sequence[Moment], animator: Animator) -> Arrays:
    """Views and expressions of moments."""
    views = [animator.view(moment) for moment in moments]
    expressions = [animator.expression(moment) for moment in moments]
    arrays: Arrays = {
        "views": (_rows([view.viewmat[:3].numpy() for view in views]), "f32"),
        "expressions": (_rows(expressions), "f32"),
    }
    bodies = [view.body[:3].numpy() for view in views if view.body is not None]
    if bodies:
        arrays["bodies"] = (_rows(bodies), "f32")
    return arrays


def _rows(rows: list[np.ndarray]) -> Float32[np.ndarray, "..."]:
    return np.stack(rows).astype(np.float32)


def _check_folder(out: Path) -> None:
    """Raise `MediaError` where nothing can be written, or another's files would be replaced."""
    check_output(out / HEAD)
    if _begins_as_head(out / HEAD):
        return
    names = [HEAD, BACKGROUND, TORSO, RECOGNISER, *(source.name for source in _page_sources())]
    found = ", ".join(sorted(name for name in names if (out / name).exists()))
    if found:
        raise MediaError(f"{out} holds files that no export wrote ({found}): name another folder")


def _begins_as_head(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(MAGIC)) == MAGIC
    except OSError:
        return False


def _page_sources() -> list[Traversable]:
    """The page's files, the licence among them, and the kernels."""
    package = resources.files("audioplane.web")
    return [*package.joinpath("page").iterdir(), package.joinpath("kernel/head.wasm")]


def _copy_page(out: Path) -> list[Path]:
    sources = _page_sources()
    try:
        for source in sources:
            (out / source.name).write_bytes(source.read_bytes())
    except OSError as e:
        raise MediaError(f"{out} cannot be written ({e.strerror})") from e
    return [out / source.name for source in sources]
