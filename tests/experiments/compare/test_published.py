import pytest

from audioplane.experiments.compare.published import TABLE, TRUTH, published


@pytest.mark.parametrize(
    "name, method",
    [
        ("ER-NeRF", "ER-NeRF"),
        ("er_nerf", "ER-NeRF"),
        ("ours", "Audio-Plane"),
        ("audioplane", "Audio-Plane"),
        ("TalkingGaussian", "TalkingGaussian"),
        ("wav2lip", "Wav2Lip"),
    ],
)
def test_spellings(name, method):
    row = published(name)
    assert row is not None and row.method == method


def test_unknown_methods_have_no_row():
    assert published("SyncTalk") is None and published("") is None


def test_the_table_agrees_with_the_papers_text():
    """§4.3: best LPIPS on both sets, SyncNet second only to Wav2Lip, 43 frames a second."""
    ours = TABLE[-1]
    for of in ("a", "b"):
        figures = {row.method: getattr(row, of) for row in TABLE}
        assert min(f.lpips for f in figures.values()) == figures["Audio-Plane"].lpips
        ranked = sorted(figures, key=lambda m: -figures[m].syncnet)
        assert ranked[:2] == ["Wav2Lip", "Audio-Plane"]
        assert getattr(TRUTH, of).syncnet > max(f.syncnet for f in figures.values())
    assert (ours.a.lpips, ours.b.lpips, ours.fps) == (0.035, 0.038, 43)
