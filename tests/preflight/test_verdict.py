from dataclasses import replace

import pytest

from audioplane.preflight.figures import ClipFigures, FaceFigures, Spread
from audioplane.preflight.overlay import Overlay
from audioplane.preflight.sound import SoundFigures
from audioplane.preflight.verdict import Finding, judge, worst

FACE = FaceFigures(
    height=250.0,
    yaw=Spread(-8.0, 1.0, 12.0),
    pitch=Spread(-5.0, 2.0, 9.0),
    roll=Spread(-4.0, 0.0, 4.0),
    sharpness=0.4,
    blurred=0.02,
    light=130.0,
    clipped=0.0,
    aperture=Spread(0.0, 0.05, 0.2),
    background_changes=0.02,
)
SOUND = SoundFigures(
    seconds=90.0, level=-23.0, peak=-4.0, speech=0.7, clipped=0.0, above_noise=30.0
)
CLIP = ClipFigures(
    seconds=90.0,
    fps=29.97,
    width=1920,
    height=1080,
    looked_at=240,
    usable=1.0,
    people=1,
    face=FACE,
    sound=SOUND,
    offset=0.04,
    offset_correlation=0.45,
    offset_believed=True,
)


def remarks(figures: ClipFigures) -> list[Finding]:
    return [f for f in judge(figures) if f.level != "good"]


def with_face(**changes) -> ClipFigures:
    return replace(CLIP, face=replace(FACE, **changes))


def with_sound(**changes) -> ClipFigures:
    return replace(CLIP, sound=replace(SOUND, **changes))


def test_a_good_clip_has_no_remark():
    assert remarks(CLIP) == []
    assert worst(judge(CLIP)) == "good"
    assert all(f.value and not f.advice for f in judge(CLIP))


@pytest.mark.parametrize(
    ("figures", "name", "advice"),
    [
        (replace(CLIP, seconds=12.0), "length", "film minutes"),
        (replace(CLIP, seconds=0.0), "length", "cut short"),
        (replace(CLIP, missing=30.0), "length", "cut short"),
        (replace(CLIP, fps=12.5), "images", "25 a second"),
        (replace(CLIP, interlaced=True), "images", "film progressive"),
        (replace(CLIP, overlay=Overlay(0.5, 300, 340)), "overlay", "without it"),
        (replace(CLIP, usable=0.6), "usable frames", "keep it in the image"),
        (replace(CLIP, people=2), "people", "largest"),
        (with_face(height=80.0), "face size", "nearer"),
        (with_face(yaw=Spread(30.0, 40.0, 50.0)), "head rotation", "from the front"),
        (with_face(pitch=Spread(-40.0, 0.0, 40.0)), "head rotation", "turn less"),
        (with_face(sharpness=0.1), "sharpness", "focus"),
        (with_face(blurred=0.3), "motion blur", "more light"),
        (with_face(light=30.0), "exposure", "too dark"),
        (with_face(light=230.0), "exposure", "too bright"),
        (with_face(clipped=0.2), "exposure", "soften the light"),
        (with_face(light=90.0, clipped=0.5), "exposure", "soften the light"),
        (with_face(background_changes=0.4), "background", "fix the camera"),
        (replace(CLIP, covered=0.3), "mouth", "keep it free"),
        (with_face(aperture=Spread(0.01, 0.02, 0.02)), "mouth", "hardly opens"),
        (with_sound(level=-50.0, peak=-35.0), "sound level", "nearer"),
        (with_sound(clipped=0.02), "clipping", "too loud"),
        (with_sound(speech=0.1), "speech", "silence"),
        (with_sound(seconds=80.0), "speech", "ends before"),
        (with_sound(above_noise=5.0), "noise", "quiet room"),
        (replace(CLIP, offset=0.2), "sound to image", "late: prepare moves it by -200 ms"),
        (replace(CLIP, offset=-0.2), "sound to image", "early: prepare moves it by +200 ms"),
        (replace(CLIP, offset_growth=0.001), "sound to image", "plays it 0.10 % faster"),
        (replace(CLIP, offset_growth=-0.002), "sound to image", "plays it 0.20 % slower"),
        (replace(CLIP, offset_believed=False), "sound to image", "belong together"),
    ],
)
def test_each_flaw_is_a_warning_with_advice(figures, name, advice):
    found = remarks(figures)
    assert [f.name for f in found] == [name]
    assert found[0].level == "warning" and advice in found[0].advice
    assert worst(judge(figures)) == "warning"


@pytest.mark.parametrize(
    ("figures", "advice"),
    [
        (replace(CLIP, seconds=0.5), "0.88 s"),
        (replace(CLIP, face=None, usable=0.0), "no face"),
        (replace(CLIP, usable=0.05), "hidden"),
        (with_face(height=20.0), "40 px"),
        (replace(CLIP, sound=None, offset=None, offset_correlation=None), "no sound track"),
        (with_sound(peak=-80.0, level=-90.0), "silent"),
    ],
)
def test_what_cannot_be_learnt_from_is_hopeless(figures, advice):
    found = [f for f in remarks(figures) if f.level == "hopeless"]
    assert len(found) == 1 and advice in found[0].advice
    assert worst(judge(figures)) == "hopeless"


def test_an_unclear_offset_is_reported():
    found = remarks(replace(CLIP, offset=None, offset_correlation=None, offset_believed=False))
    assert [(f.name, f.value) for f in found] == [("sound to image", "could not be judged")]


@pytest.mark.parametrize(("turns", "value", "by"), [(1, "side", "90° counter"), (2, "down", "180")])
def test_a_video_that_is_not_upright_is_reported(turns, value, by):
    (found,) = remarks(replace(CLIP, quarter_turns=turns))
    assert found.name == "orientation" and value in found.value and by in found.advice
