"""`report.html`: one evaluation as a page that needs no other file."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32

from audioplane.clock import FPS
from audioplane.evaluate.figures.attention import Prototype
from audioplane.evaluate.figures.contact_sheet import (
    DIFFERENCE_GAIN,
    SheetRow,
    amplified,
    colour_map,
)
from audioplane.evaluate.figures.curves import TrainingCurves
from audioplane.evaluate.figures.dynamism import DynamismView, legend
from audioplane.evaluate.report import REGIONS, Evaluation, ScoreReport
from audioplane.evaluate.scores.sound import sound_level
from audioplane.page import (
    Html,
    Line,
    Section,
    area_plot,
    empty,
    facts,
    figure,
    heat_map,
    img,
    line_plot,
    listing,
    paragraph,
    side_by_side,
    table,
    text_page,
    video,
)

_X = "seconds of held-out speech"


@dataclass(frozen=True)
class PageContents:
    """What the page shows."""

    evaluation: Evaluation
    video: bytes | None
    """Recording and render side by side, mp4."""
    examples: Sequence[SheetRow]
    """Best, median and worst frame of the first kind of poses."""
    sound: Float32[np.ndarray, " n"] | None
    """The sound of the held-out frames, 16 kHz."""
    curves: TrainingCurves | None
    prototypes: Sequence[Prototype]
    dynamism: Sequence[DynamismView]


def evaluation_page(contents: PageContents) -> str:
    """The whole page as HTML."""
    evaluation = contents.evaluation
    made = evaluation.setup
    first = next(iter(evaluation.reports.values()))
    lead = (
        f"{made.subject}: {len(first.frames)} held-out frames "
        f"({len(first.frames) / FPS:.1f} s), driven by the speech that belongs to them. "
        f"audioplane {made.audioplane}, iteration {made.iteration:,}."
    )
    sections = [
        _scores(evaluation),
        _video(contents),
        _over_time(evaluation.reports, contents.sound),
        _examples(contents.examples, next(iter(evaluation.reports))),
        _speed(evaluation),
        _training(contents.curves),
        _prototypes(contents.prototypes, contents.sound),
        _dynamism(contents.dynamism),
        _origin(evaluation),
    ]
    return text_page(f"How good is this head of {made.subject}?", lead, sections)


def _scores(evaluation: Evaluation) -> Section:
    reports = evaluation.reports
    columns = ["metric", *(f"{region}, {kind}" for kind in reports for region in REGIONS)]
    tables = [report.rows() for report in reports.values()]
    rows = [
        [lines[0].label, *(cell for line in lines for cell in line.cells)]
        for lines in zip(*tables, strict=True)
    ]
    parts = [table(columns, rows)]
    reasons = {k: v for report in reports.values() for k, v in report.reasons.items()}
    parts += [empty(f"{name}: {reason}") for name, reason in reasons.items()]
    notes = dict.fromkeys(note for report in reports.values() for note in report.notes)
    first = next(iter(reports.values()))
    if first.lips.source:
        notes[f"mouth read by: {first.lips.source}"] = None
    return Section("Scores", [*parts, listing(notes)])


def _video(contents: PageContents) -> Section:
    if contents.video is None:
        return Section("Side by side", [empty("no video was written")])
    kind = next(iter(contents.evaluation.reports))
    content = video(contents.video, "Recording on the left, render on the right, with sound")
    caption = f"Recording on the left, render on the right (poses {kind}), with the true sound."
    return Section("Side by side", [figure(content, "Held-out frames", caption)])


def _seconds(report: ScoreReport) -> Float[np.ndarray, " t"]:
    return np.arange(len(report.frames)) / FPS


def _over_time(reports: dict[str, ScoreReport], sound: Float32[np.ndarray, " n"] | None) -> Section:
    qualities = [
        Line(
            f"poses {kind}",
            _seconds(report),
            np.array([f.regions["whole"].psnr for f in report.frames], float),
        )
        for kind, report in reports.items()
    ]
    quality = line_plot(qualities, "PSNR, dB", _X, "PSNR of every held-out frame over time")
    parts = [figure(quality, "Quality over time", "A dip is a frame that the head renders badly.")]
    report = next(iter(reports.values()))
    x = _seconds(report)
    ours, true = (
        np.array([getattr(f, name) for f in report.frames], float)
        for name in ("aperture", "true_aperture")
    )
    if np.isfinite(ours).any() and np.isfinite(true).any():
        mouths = [Line("render", x, ours), Line("recording", x, true, dashed=True)]
        plot = line_plot(mouths, "mouth aperture", "", "Mouth aperture of render and recording")
        plots = Html(plot + _sound_plot(sound, len(x)))
        caption = (
            "Both mouths, read the same way, over the loudness from 600 to 3000 Hz, where "
            "vowels lie: the lines should rise and fall together (MAC), and with the sound."
        )
        parts.append(figure(plots, "The mouth and the sound", caption))
    else:
        parts.append(empty(f"no mouth aperture: {report.reasons.get('mac', 'no mouth was seen')}"))
    return Section("Over time", parts)


def _sound_plot(sound: Float32[np.ndarray, " n"] | None, frames: int) -> Html:
    if sound is None:
        return empty("no sound to compare with: the subject's folder holds no aud.wav")
    level = sound_level(sound, frames)
    return area_plot(
        np.arange(frames) / FPS, level, "loudness, 600–3000 Hz", _X, "Loudness of the speech"
    )


def _examples(examples: Sequence[SheetRow], kind: str) -> Section:
    parts = []
    for row in examples:
        images = (
            (row.truth, "recording"),
            (row.rendered, "render"),
            (amplified(row.truth, row.rendered), f"difference × {DIFFERENCE_GAIN}"),
            (colour_map(row.dynamic), "dynamic map, 0 black to 1 white"),
        )
        cells = [
            Html(img(image, f"{row.label}: {name}") + paragraph(name)) for image, name in images
        ]
        parts.append(
            figure(
                side_by_side(cells), row.label[0].upper() + row.label[1:], _EXAMPLE[row.label[:4]]
            )
        )
    return Section(f"Best, median and worst frame (poses {kind})", parts)


_EXAMPLE = {
    "best": "The frame with the highest PSNR.",
    "medi": "Half of the frames are better than this one.",
    "wors": "The frame with the lowest PSNR.",
}


def _speed(evaluation: Evaluation) -> Section:
    speed = evaluation.speed
    rate = None if speed.end_to_end is None else f"{speed.end_to_end:.1f}"
    rows = [
        ["raster only: moved Gaussians to image", f"{speed.raster:.0f}"],
        ["model and raster: speech features to finished image", f"{speed.model_and_raster:.0f}"],
        ["end to end: sound to H.264 and AAC file", rate],
    ]
    parts = [table(["what is timed", "frames/s"], rows)]
    if rate is None:
        parts.append(
            empty(
                "end to end: the speech features of this head cannot be computed here, or the "
                "subject has no sound: time 'audioplane drive' with features of your own"
            )
        )
    note = (
        f"{speed.gaussians:,} Gaussians, {speed.moving:,} of them moved by the networks, "
        f"{speed.width} × {speed.height} px, on {speed.machine}. Measured under "
        "whatever load the machine had: 'audioplane bench' compares with a matrix product."
    )
    return Section("Speed", [*parts, paragraph(note)])


def _training(curves: TrainingCurves | None) -> Section:
    if curves is None:
        reason = (
            "the run's events.jsonl is not there: training writes it; copy it beside the head "
            "and evaluate again"
        )
        return Section("Training", [empty(reason)])
    x = curves.iteration
    mouth = [Line("mouth", x, curves.dynamism_mouth), Line("elsewhere", x, curves.dynamism_face)]
    quality = [Line("frames it trains on", x, curves.psnr)]
    if len(curves.unseen_psnr):
        quality.append(Line("unseen slice", curves.unseen_iteration, curves.unseen_psnr))
    plots = [
        ("loss", [Line("", x, curves.loss)]),
        ("PSNR, dB", quality),
        ("Gaussians", [Line("", x, curves.gaussians)]),
        ("deviation of f_a between frames", [Line("", x, curves.audio_spread)]),
        ("mean of the dynamic map g", mouth),
    ]
    drawn = [
        line_plot(lines, title, "iterations", f"{title} over the training's iterations", 8.0)
        for title, lines in plots
        if any(np.isfinite(line.y).any() for line in lines)
    ]
    caption = (
        "Running means. Under a deviation of 0.05 the head would be blind to the audio; g should "
        "be high in the mouth and low elsewhere."
    )
    return Section("Training", [figure(side_by_side(drawn), "Training curves", caption)])


def _prototypes(
    prototypes: Sequence[Prototype], sound: Float32[np.ndarray, " n"] | None
) -> Section:
    title = "What the audio prototypes respond to"
    if not prototypes:
        return Section(title, [empty("this head's encoder has no audio prototypes")])
    weights = np.stack([p.weights for p in prototypes])
    frames = weights.shape[1]
    labels = [" ".join(p.phones) or p.name for p in prototypes]
    chart = heat_map(
        colour_map(weights / max(float(weights.max()), 1e-9)),
        (0.0, frames / FPS),
        labels,
        f"weight of each prototype, 0 black to {weights.max():.2f} white",
        "",
        "Attention weights of the strongest audio prototypes over held-out speech",
    )
    caption = (
        f"The {len(prototypes)} prototypes whose attention weight (Eq. 4) changes most, each named "
        "by the phones it responds to, from closed lips at the top to open ones; below, the sound."
    )
    rows = [
        [
            p.name,
            ", ".join(f"{a} ×{b:.0f}" for a, b in zip(p.phones, p.lifts, strict=True)) or None,
            f"{p.mean:.3f}",
        ]
        for p in prototypes
    ]
    note = (
        "×n: so many times more frequent under this prototype than in the subject's speech as a "
        "whole, by pocketsphinx. A2 is the grid of scale 2. Mean weights of a scale sum to 1."
    )
    parts = [
        figure(Html(chart + _sound_plot(sound, frames)), "Attention over the prototypes", caption),
        table(["prototype", "phones", "mean weight"], rows, wide=(1,)),
        paragraph(note),
    ]
    return Section(title, parts)


def _dynamism(views: Sequence[DynamismView]) -> Section:
    images = [
        Html(img(v.image, f"Gaussians coloured by dynamism, {v.name}") + paragraph(v.name))
        for v in views
    ]
    scale = img(legend(), "colours from 0, grey, to 1, red", ".png")
    caption = (
        "Every Gaussian of the head, drawn smaller, in the colour of its mean d (Eq. 7): speech "
        "should move the mouth and the jaw, and nothing else."
    )
    content = Html(side_by_side(images) + paragraph("d from 0 to 1:") + scale)
    return Section("Where the head is dynamic", [figure(content, "Dynamism d", caption)])


def _origin(evaluation: Evaluation) -> Section:
    made = evaluation.setup
    known = {
        "audioplane": made.audioplane,
        "git commit": made.git_commit or "installed, not run from a checkout",
        "seed": str(made.seed),
        "iteration": f"{made.iteration:,}",
        "speech features": made.speech,
        "trained with": made.loss,
        "device": made.device,
        "head, sha256": made.head_sha256,
        "subject, identity": made.subject_identity,
        **made.weights,
        **made.versions,
    }
    return Section("How these figures were made", [facts(known)])
