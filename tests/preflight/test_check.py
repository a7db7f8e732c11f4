import json
from dataclasses import replace
from html.parser import HTMLParser

import av
import numpy as np
import pytest

from audioplane.errors import MediaError
from audioplane.preflight import Preflight, check_video, write_page
from tests.face.figure import SIZE, DrawnFaces
from tests.prepare.conftest import FRAMES, write_clip, write_silent_track_first


@pytest.fixture(scope="module")
def report(clip) -> Preflight:
    reports = []
    report = check_video(clip, DrawnFaces(None, max_faces=4), reports.append)
    assert (reports[-1].done, reports[-1].total) == (16, 16)
    return report


def test_a_clip_is_measured(report):
    figures = report.figures
    assert figures.seconds == pytest.approx(FRAMES / 25, abs=0.05)
    assert (figures.width, figures.height, figures.fps) == (SIZE, SIZE, 25)
    assert figures.usable == 1.0 and figures.people == 1
    assert figures.face is not None
    assert figures.face.height == pytest.approx(70, abs=4)
    assert figures.face.background_changes < 0.1
    assert figures.sound is not None
    assert figures.sound.peak == pytest.approx(-10.5, abs=1.5)
    assert figures.offset is None  # too short


def test_the_verdict_is_text_and_json(report):
    text = report.to_text()
    assert text.startswith("figure.mp4: can be used for training, with the limits below\n")
    assert "! length" in text and "film minutes" in text
    facts = json.loads(report.to_json())
    assert facts["verdict"] == "warning"
    assert facts["figures"]["face"]["yaw"].keys() == {"low", "middle", "high"}
    assert {f["name"] for f in facts["findings"]} >= {"length", "face size", "noise"}


class Links(HTMLParser):
    """Addresses that a page would fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag, attrs) -> None:
        assert tag not in ("script", "link")
        self.found += [v or "" for k, v in attrs if k in ("src", "href")]


def test_the_page_needs_nothing_else(tmp_path, report):
    path = tmp_path / "preflight.html"
    write_page(replace(report, name="<b>me</b>.mp4"), path)
    page = path.read_text(encoding="utf-8")
    links = Links()
    links.feed(page)
    assert len(links.found) == 8
    assert all(link.startswith("data:image/jpeg;base64,") for link in links.found)
    assert "url(" not in page and "<b>me</b>.mp4" not in page and "&lt;b&gt;me" in page
    assert page.count("<svg") == 4
    assert [p.name for p in tmp_path.iterdir()] == ["preflight.html"]


def test_a_clip_without_face_and_sound_says_both(tmp_path):
    wall = [np.full((SIZE, SIZE, 3), 90, np.uint8)] * 30
    clip = write_clip(tmp_path / "wall.mp4", wall, sound=None)
    report = check_video(clip, DrawnFaces(None))
    assert report.verdict == "hopeless"
    assert "no face was found" in report.reasons() and "no sound track" in report.reasons()
    assert report.figures.face is None
    write_page(report, tmp_path / "preflight.html")
    assert "<svg" not in (tmp_path / "preflight.html").read_text()


def test_a_page_that_cannot_be_written_is_a_clear_error(tmp_path, report):
    with pytest.raises(MediaError, match="cannot be written"):
        (tmp_path / "file").write_text("")
        write_page(report, tmp_path / "file" / "preflight.html")


def test_of_two_sound_tracks_the_one_that_speaks_is_taken_and_named(tmp_path):
    clip = write_silent_track_first(tmp_path / "two.mp4")
    report = check_video(clip, DrawnFaces(None))
    assert report.verdict == "warning"
    assert "2 sound tracks" in report.to_text() and "2 is taken" in report.to_text()
    assert "audio_track=" in report.to_text()
    silent = check_video(clip, DrawnFaces(None), audio_track=1)
    assert "the sound track is silent" in silent.reasons()
    with pytest.raises(MediaError, match="no sound track 3; it has: 1 "):
        check_video(clip, DrawnFaces(None), audio_track=3)


def test_channels_that_cancel_are_reported(tmp_path):
    clip = write_clip(tmp_path / "clip.mp4", sound=None)
    voice = (0.3 * np.sin(np.arange(640 * FRAMES) * 0.1)).astype(np.float32)
    path = tmp_path / "antiphase.mkv"
    with av.open(str(clip)) as source, av.open(str(path), "w") as out:
        images = out.add_stream_from_template(source.streams.video[0])
        sound = out.add_stream("pcm_s16le", rate=16000, layout="stereo")
        both = (32767 * np.stack([voice, -voice]).T).astype(np.int16).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(both, "s16", "stereo")
        frame.sample_rate = 16000
        for packet in (*sound.encode(frame), *sound.encode(None)):
            out.mux(packet)
        for packet in source.demux():
            if packet.dts is not None:
                packet.stream = images
                out.mux(packet)
    report = check_video(path, DrawnFaces(None))
    assert "the channels cancel each other" in report.to_text()
    assert report.figures.sound is not None and report.figures.sound.peak > -20
