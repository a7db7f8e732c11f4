"""The verdict: what a clip's figures mean for a head trained on it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from audioplane.preflight.figures import ClipFigures, FaceFigures
from audioplane.preflight.overlay import Overlay
from audioplane.preflight.sound import SoundFigures
from audioplane.preflight.sync import LEAST_SECONDS_SEEN

Level = Literal["good", "warning", "hopeless"]

LEAST_SECONDS = 0.88
"""22 frames, the fewest to train on and hold out."""
_MISSING = 1.0
"""Seconds that a file may state beyond what is there."""
_LEAST_USABLE = 0.2
_LEAST_FACE = 40
"""Pixels, chin to forehead."""
_SILENT = -60.0
"""Peak, dB of full scale."""


@dataclass(frozen=True)
class Finding:
    """One line of the verdict."""

    name: str
    value: str
    level: Level = "good"
    advice: str = ""
    """What it means and what to do; empty where all is well."""


def judge(figures: ClipFigures) -> list[Finding]:
    """All findings on a clip."""
    found = [_length(figures), _rate(figures), *_orientation(figures), *_people(figures)]
    if figures.face is None:
        found.append(
            Finding("face", "none", "hopeless", "no face was found: film one person from the front")
        )
    else:
        found += [_size(figures.face), *_head(figures.face, figures.covered)]
        found += [*_image(figures.face), *_overlay(figures.overlay)]
    if figures.sound is None:
        advice = "there is no sound track: a talking head needs the speech of its video"
        return [*found, Finding("sound", "none", "hopeless", advice)]
    return [*found, *_sound(figures.sound, figures.seconds), *_offset(figures)]


def worst(findings: list[Finding]) -> Level:
    """The verdict on the whole clip."""
    levels = {f.level for f in findings}
    if "hopeless" in levels:
        return "hopeless"
    return "warning" if "warning" in levels else "good"


def _length(figures: ClipFigures) -> Finding:
    s = figures.seconds
    if s <= 0:
        return Finding("length", "unknown", "warning", "the file is cut short: copy it again")
    value = f"{s:.1f} s" if s < 120 else f"{s / 60:.1f} min"
    if s < LEAST_SECONDS:
        return Finding("length", value, "hopeless", f"at least {LEAST_SECONDS} s are needed")
    if figures.missing > _MISSING:
        value = f"{value} of {s + figures.missing:.0f} s"
        return Finding("length", value, "warning", "the file is cut short: copy it again")
    if s < 30:
        return Finding("length", value, "warning", "few lip shapes are seen: film minutes")
    return Finding("length", value)


def _rate(figures: ClipFigures) -> Finding:
    value = f"{figures.fps:.4g} a second, {figures.width} × {figures.height}"
    if 0 < figures.fps < 20:
        advice = "lips move between the images: film at 25 a second or more"
        return Finding("images", value, "warning", advice)
    if figures.interlaced:
        advice = "half images are put together and lose fine lines: film progressive (25p, 50p)"
        return Finding("images", f"{value}, interlaced", "warning", advice)
    return Finding("images", value)


def _orientation(figures: ClipFigures) -> Iterator[Finding]:
    if figures.quarter_turns:
        turn = {1: "90° counterclockwise", 2: "180°", 3: "90° clockwise"}[figures.quarter_turns]
        value = "upside down" if figures.quarter_turns == 2 else "on its side"
        advice = f"prepare turns it by {turn}: check that the face is upright"
        yield Finding("orientation", value, "warning", advice)


def _people(figures: ClipFigures) -> Iterator[Finding]:
    share = figures.usable
    value = f"{100 * share:.0f} % of {figures.looked_at} looked at"
    if figures.face is not None:
        if share < _LEAST_USABLE:
            advice = "the face is mostly hidden, turned away or outside the image"
            yield Finding("usable frames", value, "hopeless", advice)
        elif share < 0.9:
            advice = "frames without the whole face are left out: keep it in the image"
            yield Finding("usable frames", value, "warning", advice)
        else:
            yield Finding("usable frames", value)
    if figures.people > 1:
        which = "face whose mouth moves" if figures.speaker_chosen else "largest face"
        advice = f"the {which} is taken, the others stay in the background: film one person"
        yield Finding("people", f"{figures.people} faces", "warning", advice)


def _size(face: FaceFigures) -> Finding:
    value = f"{face.height:.0f} px from chin to forehead"
    if face.height < _LEAST_FACE:
        advice = f"at least {_LEAST_FACE} px are needed: go nearer"
        return Finding("face size", value, "hopeless", advice)
    if face.height < 130:
        advice = "it is enlarged, which makes it soft: go nearer, or film at a higher resolution"
        return Finding("face size", value, "warning", advice)
    return Finding("face size", value)


def _head(face: FaceFigures, covered: float) -> Iterator[Finding]:
    turns = (("yaw", face.yaw), ("pitch", face.pitch), ("roll", face.roll))
    value = ", ".join(f"{name} {t.low:+.0f} to {t.high:+.0f}°" for name, t in turns)
    if abs(face.yaw.middle) > 25:
        advice = "the face is seen from the side: film it from the front"
        yield Finding("head rotation", value, "warning", advice)
    elif max(t.range for _, t in turns) > 60:
        advice = "large turns are too rare to be learnt: turn less"
        yield Finding("head rotation", value, "warning", advice)
    else:
        yield Finding("head rotation", value)
    if covered:
        value = f"covered in {100 * covered:.0f} % of the frames"
        advice = "a hand, a cup or a microphone? prepare leaves these frames out: keep it free"
        yield Finding("mouth", value, "warning", advice)
    if face.aperture.range < 0.03:
        advice = "the mouth hardly opens: is this the person who speaks?"
        yield Finding("mouth", f"opens by {face.aperture.range:.2f}", "warning", advice)


def _image(face: FaceFigures) -> Iterator[Finding]:
    sharp = f"{face.sharpness:.2f}"
    if face.sharpness < 0.2:
        advice = "the face is soft, and so will the head be: check the focus, clean the lens"
        yield Finding("sharpness", sharp, "warning", advice)
    else:
        yield Finding("sharpness", sharp)
    blurred = f"{100 * face.blurred:.0f} % of the frames"
    if face.blurred > 0.1:
        advice = "move more slowly, or film with more light"
        yield Finding("motion blur", blurred, "warning", advice)
    else:
        yield Finding("motion blur", blurred)
    value = f"face {face.light:.0f} of 255, {100 * face.clipped:.0f} % without detail"
    if face.light < 50 or face.light > 215:
        which = "bright" if face.light > 128 else "dark"
        yield Finding("exposure", value, "warning", f"the face is too {which}: correct the light")
    elif face.clipped > 0.05:
        advice = "parts of the face are black or white without detail: soften the light"
        yield Finding("exposure", value, "warning", advice)
    else:
        yield Finding("exposure", value)
    changes = f"{100 * face.background_changes:.0f} % changes"
    if face.background_changes > 0.15:
        advice = "it is learnt as one still image: fix the camera, avoid cuts and passers-by"
        yield Finding("background", changes, "warning", advice)
    else:
        yield Finding("background", changes)


def _overlay(overlay: Overlay | None) -> Iterator[Finding]:
    if overlay is not None:
        value = (
            f"about rows {overlay.top} to {overlay.bottom}, {100 * overlay.share:.0f} % of the time"
        )
        advice = (
            "text or a logo stands still below the chin and is learnt as part of the torso: take "
            "the video without it"
        )
        yield Finding("overlay", value, "warning", advice)


def _sound(sound: SoundFigures, seconds: float) -> Iterator[Finding]:
    if sound.peak < _SILENT:
        advice = "the sound track is silent: a talking head needs the speech of its video"
        advice = "; ".join((advice, *sound.notes))
        yield Finding("sound", f"peak {sound.peak:.0f} dB", "hopeless", advice)
        return
    for note in sound.notes:
        yield Finding("sound track", "check it", "warning", note)
    value = f"speech {sound.level:.0f} dB, peak {sound.peak:.0f} dB of full scale"
    if sound.level < -45:
        yield Finding("sound level", value, "warning", "very quiet: bring the microphone nearer")
    else:
        yield Finding("sound level", value)
    clipped = f"{100 * sound.clipped:.2g} % of the samples"
    if sound.clipped > 1e-3:
        yield Finding("clipping", clipped, "warning", "the recording is too loud: turn it down")
    else:
        yield Finding("clipping", clipped)
    speech = f"{100 * sound.speech:.0f} % of {sound.seconds:.1f} s"
    if sound.speech < 0.25:
        advice = "long silence does not help training: cut it out"
        yield Finding("speech", speech, "warning", advice)
    elif seconds > 0 and sound.seconds < seconds - 1:
        advice = "the sound ends before the images: what follows is left out"
        yield Finding("speech", speech, "warning", advice)
    else:
        yield Finding("speech", speech)
    noise = f"speech {sound.above_noise:.0f} dB above it"
    if sound.above_noise < 12 and sound.speech < 0.95:
        yield Finding("noise", noise, "warning", "music or noise: record in a quiet room")
    else:
        yield Finding("noise", noise)


def _offset(figures: ClipFigures) -> Iterator[Finding]:
    if figures.offset is None or figures.offset_correlation is None:
        if figures.face is not None:
            advice = (
                f"it takes {LEAST_SECONDS_SEEN:g} s with a face to compare mouth and voice: "
                "check that they are in step"
            )
            yield Finding("sound to image", "could not be judged", "warning", advice)
        return
    if not figures.offset_believed:
        advice = "mouth and voice agree at no offset: check that they belong together"
        yield Finding("sound to image", "could not be judged", "warning", advice)
        return
    ms = 1000 * figures.offset
    value = f"{ms:+.0f} ms (± 40; correlation {figures.offset_correlation:.2f})"
    if growth := figures.offset_growth:
        end = ms + 1000 * growth * figures.seconds
        value = f"{ms:+.0f} ms at the beginning, {end:+.0f} ms at the end (± 40)"
        speed = f"{100 * abs(growth):.2f} % {'faster' if growth > 0 else 'slower'}"
        advice = f"the sound drifts away from its image: prepare plays it {speed}"
        yield Finding("sound to image", value, "warning", advice)
    elif figures.out_of_step:
        side = "late" if ms > 0 else "early"
        advice = f"the sound is {side}: prepare moves it by {-ms:+.0f} ms"
        yield Finding("sound to image", value, "warning", advice)
    else:
        yield Finding("sound to image", value)
