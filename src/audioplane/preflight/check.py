"""The check of a clip: measurements and verdict."""

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Float

from audioplane.face.landmarker import Landmarker
from audioplane.media.audio import read_audio
from audioplane.media.tracks import SoundTrack, choose_track
from audioplane.media.video import probe_video
from audioplane.preflight.figures import ClipFigures
from audioplane.preflight.sample import Sample, take_sample
from audioplane.preflight.sound import levels, measure_sound
from audioplane.preflight.sync import Offset, Stretch, estimate_offset
from audioplane.preflight.verdict import Finding, Level, judge, worst
from audioplane.progress import Report, ignore

_TITLES = {
    "good": "a good clip for training",
    "warning": "can be used for training, with the limits below",
    "hopeless": "cannot be used for training",
}


@dataclass(frozen=True)
class Preflight:
    """The verdict on a clip, with its figures."""

    name: str
    """Name of the file."""
    figures: ClipFigures
    findings: list[Finding]
    sample: Sample
    loudness: Float[np.ndarray, " m"]
    """dB of full scale, ten a second; empty without sound."""
    offset: Offset | None

    @property
    def verdict(self) -> Level:
        """The overall verdict."""
        return worst(self.findings)

    @property
    def title(self) -> str:
        """The verdict in words."""
        return _TITLES[self.verdict]

    def reasons(self) -> str:
        """Why it is hopeless, in one line."""
        return "; ".join(f.advice for f in self.findings if f.level == "hopeless")

    def to_text(self) -> str:
        """The verdict on one screen."""
        marks = {"good": " ", "warning": "!", "hopeless": "✗"}
        width = max(len(f.name) for f in self.findings)
        lines = [f"{self.name}: {self.title}"]
        for f in self.findings:
            lines.append(f" {marks[f.level]} {f.name:{width}}  {f.value}")
            if f.advice:
                lines.append(f"   {'':{width}}  → {' '.join(f.advice.split())}")
        return "\n".join(lines)

    def to_json(self) -> str:
        """Figures and findings for scripts."""
        facts = {
            "name": self.name,
            "verdict": self.verdict,
            "figures": asdict(self.figures),
            "findings": [asdict(f) for f in self.findings],
        }
        return json.dumps(facts)


def check_video(
    video: Path, landmarker: Landmarker, report: Report = ignore, audio_track: int | None = None
) -> Preflight:
    """Judge a clip from a few stretches of its images and all of its sound.

    Args:
        video: the clip.
        landmarker: for single images and several faces.
        report: receives progress.
        audio_track: number of the sound track, from 1; None for the one with speech.

    Raises:
        MediaError: images or sound cannot be read, or there is no such sound track.
    """
    info = probe_video(video)
    waveform, notes = None, ()
    if info.has_audio or audio_track is not None:
        track = choose_track(video, audio_track)
        notes = _track_notes(track, chosen=audio_track is not None)
        waveform = read_audio(video, audio_track=audio_track)
        if track.restarts:  # the container states the duration of one part
            info = replace(info, duration=max(info.duration, track.ends))
    sample = take_sample(video, info, landmarker, waveform, report)
    offset = (
        None if waveform is None else estimate_offset(_stretches(sample), waveform, by_phones=True)
    )
    sound = None if waveform is None else replace(measure_sound(waveform), notes=notes)
    figures = ClipFigures.of(info, sample, sound, offset)
    loudness = np.zeros(0, np.float32) if waveform is None else levels(waveform)
    return Preflight(video.name, figures, judge(figures), sample, loudness, offset)


def _track_notes(track: SoundTrack, chosen: bool) -> tuple[str, ...]:
    notes = list(track.notes)
    if not chosen and notes and notes[0].endswith("is taken"):
        notes[0] += " (for another pass audio_track=…)"
    if track.restarts:
        times = "once" if len(track.restarts) == 1 else f"{len(track.restarts)} times"
        notes.append(f"the time stamps start again {times}: the parts are joined")
    return tuple(notes)


def _stretches(sample: Sample) -> list[Stretch]:
    found = []
    for k in sorted({f.stretch for f in sample.frames}):
        frames = [f for f in sample.frames if f.stretch == k]
        aperture = [f.face.aperture if f.face is not None else np.nan for f in frames]
        found.append(Stretch(np.array([f.time for f in frames]), np.array(aperture)))
    return found
