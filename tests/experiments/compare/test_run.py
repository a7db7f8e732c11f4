"""Videos through the whole comparison."""

import json
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor

from audioplane.cli.compare import comparison_table
from audioplane.errors import ComparisonError, MediaError
from audioplane.evaluate.scores.action_units import UNITS
from audioplane.evaluate.syncnet import SyncNet
from audioplane.experiments.compare import compare
from audioplane.experiments.compare.align import align, common_span
from audioplane.experiments.compare.page import comparison_page
from audioplane.experiments.compare.pair import Pair
from audioplane.experiments.compare.report import aligned, to_json
from audioplane.experiments.compare.scan import scan_video
from audioplane.progress import Progress
from tests.evaluate.scores.test_action_units import write_table
from tests.experiments.compare.conftest import N, read_drawn_mouths
from tests.experiments.compare.videos import ReadsMouths, face_frames, voice


@pytest.fixture(scope="module")
def videos(make_video) -> list[tuple[str, Path]]:
    frames, sound = face_frames(N), voice(N)
    blurred = [cv2.GaussianBlur(f, (0, 0), 1) for f in frames]
    half = [cv2.resize(f, (80, 80), interpolation=cv2.INTER_AREA) for f in frames]
    fast = [frames[k // 2] for k in range(2 * N)]
    other_mouth = face_frames(N, seed=1)
    return [
        ("copy", make_video("copy", frames, sound)),
        ("early", make_video("early", frames[5:], sound[5 * 640 :])),
        ("Wav2Lip", make_video("late sound", frames, np.pad(sound, (4 * 640, 0))[: N * 640])),
        ("half", make_video("half", half, sound)),
        ("blurred", make_video("blurred", blurred, None)),
        ("fast", make_video("fast", fast, sound, fps=50)),
        ("mumbles", make_video("mumbles", other_mouth, sound)),
    ]


@pytest.fixture(scope="module")
def comparison(truth, videos):
    reports: list[Progress] = []
    with pytest.MonkeyPatch.context() as patch:
        read_drawn_mouths(patch)
        names, files = zip(*videos, strict=True)
        found = compare(truth, files, names=names, report=reports.append)
    assert Progress("score half", N - 5, N - 5) in reports
    assert Progress("look at early", N - 5, N - 5) in reports
    return found


def test_all_are_scored_on_the_frames_that_all_show(comparison):
    assert (comparison.first, comparison.last) == (5, N)
    for entry in comparison.entries:
        assert [f.img_id for f in entry.report.frames] == list(range(5, N))


def test_differences_are_aligned_and_reported(comparison):
    alignments = {e.name: "; ".join(aligned(e, comparison)) for e in comparison.entries}
    shifts = {e.name: e.alignment.shift for e in comparison.entries}
    assert shifts == {name: -5 if name == "early" else 0 for name in alignments}
    assert alignments["copy"] == "5 frames left out"
    assert alignments["early"] == "images 5 frames early (by images): moved"
    assert "sound 160 ms late to its images: left as it is" in alignments["Wav2Lip"]
    assert "scaled from 80×80" in alignments["half"]
    assert "no sound: SyncNet is given the ground truth's" in alignments["blurred"]
    assert "resampled from 50 to 25 fps" in alignments["fast"]
    entry = comparison.entries[0]
    lips = replace(entry.report.lips, n_frames=N - 5 - 3)
    entry = replace(entry, report=replace(entry.report, lips=lips))
    assert f"no face in 3 of {N - 5} frames: left out of LMD" in "; ".join(
        aligned(entry, comparison)
    )


def test_scores_order_as_they_must(comparison):
    reports = {e.name: e.report for e in comparison.entries}
    psnr = {name: r.means["whole"].psnr or 0 for name, r in reports.items()}
    for name in ("copy", "early", "Wav2Lip", "fast"):
        assert psnr[name] > 35  # compressed twice, nothing else
    assert psnr["half"] < psnr["copy"] - 5 and psnr["blurred"] < psnr["copy"] - 5
    mouth = {name: r.means["mouth"].psnr or 0 for name, r in reports.items()}
    assert mouth["mumbles"] < mouth["copy"] - 10
    for name, report in reports.items():
        mac, lower = report.lips.mac, report.expression.bse_lower
        assert mac is not None and lower is not None
        assert report.lips.lag == 0 or name == "mumbles"
        assert (mac < 0.6) == (name == "mumbles")
        assert (lower > 2.5e-3) == (name == "mumbles")
        assert report.expression.bse_upper == 0 and report.expression.aue_upper is None


def test_json_holds_all_of_it(comparison):
    data = json.loads(to_json(comparison))
    assert data["scored"] == {"fps": 25, "first": 5, "last": N - 1}
    assert data["ground_truth"]["paper"]["a"]["syncnet"] == 9.175
    by_name = {video["name"]: video for video in data["videos"]}
    assert by_name["Wav2Lip"]["paper"]["b"]["psnr"] == 32.58
    assert by_name["Wav2Lip"]["alignment"]["sound_shift"] == pytest.approx(0.16, abs=1e-3)
    assert by_name["half"]["alignment"]["scale"] == 2 and by_name["half"]["paper"] is None
    assert by_name["copy"]["means"]["whole"]["lpips"] is None
    assert "AlexNet" in by_name["copy"]["empty"]["lpips"]
    assert by_name["copy"]["syncnet"]["confidence"] is None
    assert "authors' weights" in by_name["copy"]["empty"]["syncnet"]


def test_table_has_the_papers_figures_under_the_name(comparison, capsys):
    from rich.console import Console

    Console(width=80).print(comparison_table(comparison), crop=False)
    lines = capsys.readouterr().out.splitlines()
    row = next(i for i, line in enumerate(lines) if line.split()[:1] == ["Wav2Lip"])
    assert lines[row + 1].split() == ["paper,", "set", "A", "31.58", "0.913", "0.082", "8.554"]
    assert lines[row + 2].split() == ["paper,", "set", "B", "32.58", "0.951", "0.092", "8.044"]
    half = next(line for line in lines if line.split()[:1] == ["half"])
    assert len(half.split()) == 1 + 7  # no LPIPS, no SyncNet, no AUE
    assert any("mumbles: 5 frames left out" in line for line in lines)


def test_the_page_needs_no_other_file(comparison):
    page = comparison_page(comparison)
    sources: list[str] = []

    class Sources(HTMLParser):
        def handle_starttag(self, tag, attrs):
            sources.extend(v or "" for k, v in attrs if k in ("src", "href"))

    Sources().feed(page)
    assert len(sources) == 4 * 2 * (1 + 7)  # moments, image and mouth, videos
    assert all(s.startswith("data:image/jpeg;base64,") for s in sources)
    assert "mumbles" in page and "<td>32.58</td>" in page and "<td>8.044</td>" in page
    assert "The paper&#x27;s frames a second: Wav2Lip 15." in page
    assert page.count('class="line') == 2 * 7


def test_names_are_text(truth, videos):
    found = compare(truth, [videos[0][1]], names=["<b>&"])
    page = comparison_page(found)
    assert "<td>&lt;b&gt;&amp;</td>" in page and "<b>&" not in page


def test_openface_tables_follow_the_alignment(truth, videos, tmp_path):
    values = np.random.default_rng(0).uniform(0, 5, (N, len(UNITS))).round(4)
    louder = values.copy()
    louder[:, UNITS.index(26)] += 1.0
    tables = [
        write_table(tmp_path / "truth.csv", values),
        write_table(tmp_path / "copy.csv", louder),
        write_table(tmp_path / "early.csv", values[5:]),
    ]
    paths = [path for _, path in videos[:2]]
    found = compare(truth, paths, openface=tables)
    loud, same = (e.report.expression for e in found.entries)
    assert (loud.aue_upper, loud.aue_lower) == (0, pytest.approx(1.0))
    assert (same.aue_upper, same.aue_lower) == (0, 0)
    assert "AUE-U" in comparison_page(found) and loud.bse_lower is not None
    louder[20:30] = 5.0
    write_table(tables[1], louder, failed=slice(20, 30))
    loud = compare(truth, paths[:1], openface=tables[:2]).entries[0].report.expression
    assert (loud.aue_upper, loud.aue_lower) == (0, pytest.approx(1.0))
    with pytest.raises(ComparisonError, match="2 OpenFace tables for 3 videos"):
        compare(truth, paths, openface=tables[:2])
    short = write_table(tmp_path / "short.csv", values[:20])
    with pytest.raises(ComparisonError, match="ends 40 frames before"):
        compare(truth, paths[:1], openface=[tables[0], short])


class Opening(SyncNet):
    """Stands in for SyncNet: embeds how much of the crop is lips, and how loud the sound is."""

    def __init__(self) -> None:
        torch.nn.Module.__init__(self)

    def embed_images(self, clip: Tensor) -> Tensor:
        lips = (clip[2] > 140) & (clip[1] < 95)  # BGR
        area = lips.float().mean((1, 2))
        return (48 * area - 0.54).unfold(0, 5, 1)  # the opening, 0 to 1

    def embed_sound(self, cepstra: Tensor) -> Tensor:
        amplitude = (cepstra[:, 0] / 2).exp().reshape(-1, 5, 4).mean(2) / 40_000
        return 0.62 * amplitude - 0.06


def test_syncnet_is_given_the_right_sound(make_video):
    """A silent video that starts 4 frames later is scored with the truth's sound from there on."""
    n = 112
    frames = face_frames(n, scale=2)
    files = make_video("long", frames, voice(n)), make_video("long silent", frames[4:])
    truth, silent = (scan_video(path, ReadsMouths(None), lambda: None) for path in files)
    alignment = align(silent, truth)
    span = common_span(truth, [(silent, alignment)])
    steps: list[int] = []
    scores = Pair(truth, silent, alignment, *span).sync(Opening(), steps.append)
    assert (alignment.shift, scores.offset) == (-4, 0)
    assert scores.n_frames == sum(steps) == n - 4 - 5
    straight = Pair(truth, silent, replace(alignment, shift=0), 0, n - 4)
    assert straight.sync(Opening(), steps.append).offset == -4


def test_wrong_input(truth, tmp_path, make_video):
    with pytest.raises(ComparisonError, match="nothing to compare"):
        compare(truth, [])
    for original, other in ((truth, tmp_path / "nowhere.mp4"), (tmp_path / "nowhere.mp4", truth)):
        with pytest.raises(MediaError, match="nowhere.mp4 is not a file"):
            compare(original, [truth, other], names=["a", "b"], find_tools=pytest.fail)
    short = make_video("short", face_frames(12))
    with pytest.raises(ComparisonError, match="leaves 12 frames"):
        compare(truth, [short])


def test_a_bad_video_does_not_end_the_comparison(truth, videos, tmp_path, make_video):
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"not a video")
    short = make_video("too short", face_frames(12))
    reports: list[Progress] = []
    files = [broken, videos[0][1], short]
    found = compare(truth, files, out=tmp_path / "out", report=reports.append)
    assert [e.name for e in found.entries] == ["copy"]
    assert found.entries[0].report.means["whole"].psnr > 35
    assert (found.first, found.last) == (0, N)  # what is left out shortens nothing
    assert found.failed.keys() == {"broken", "too short"}
    assert "leaves 12 frames" in found.failed["too short"]
    assert any("broken is left out" in p.message for p in reports)
    data = json.loads((tmp_path / "out" / "comparison.json").read_text())
    assert data["failed"] == found.failed
    page = (tmp_path / "out" / "comparison.html").read_text()
    assert "too short was not scored" in page


def test_a_video_that_leaves_too_few_frames_to_the_others_is_left_out(truth, make_video):
    frames = face_frames(N)
    files = [make_video("end", frames[30:]), make_video("begin", frames[:35])]
    found = compare(truth, [*files, truth])
    assert [e.name for e in found.entries] == ["begin", "truth"]
    assert (found.first, found.last) == (0, 35)
    assert "end.mp4 shows fewer than 25 of the frames" in found.failed["end"]
