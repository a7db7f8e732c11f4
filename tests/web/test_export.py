from dataclasses import replace

import numpy as np
import pytest
import torch

from audioplane.credentials import ProvenanceOptions
from audioplane.errors import CheckpointError, CredentialsError, MediaError
from audioplane.head import Head, HeadShape
from audioplane.media.image import decode_image
from audioplane.web import export_web
from audioplane.web.export import _shown
from audioplane.web.head_bin import read_head_bin


def test_the_folder_holds_page_head_background_and_licence(exported):
    names = {path.name for path in exported.made.path.iterdir()}
    assert {"index.html", "audioplane-head.js", "head.bin", "head.wasm", "LICENSE"} <= names
    assert sum(p.stat().st_size for p in exported.made.path.iterdir()) == exported.made.bytes
    background = decode_image((exported.made.path / "background.webp").read_bytes(), 3)
    footage = exported.run.footage
    assert np.array_equal(background, footage.plate(footage.loop[0]))


def test_the_header_says_who_agreed_and_whose_head_it_is(exported):
    facts, arrays = read_head_bin(exported.made.path / "head.bin")
    assert facts["consent"] == "the synthetic subject" and facts["ai_generated"] is True
    assert facts["identity"] == exported.run.identity
    assert facts["head_sha256"] == exported.run.sha256
    assert len(arrays["views"]) == len(arrays["bodies"]) == len(exported.run.footage.loop)


def test_to_and_fro_a_page_shows_no_more_than_on_a_path(exported, exported_torso, monkeypatch):
    monkeypatch.setattr("audioplane.web.export._MOST_MOMENTS", 7)
    monkeypatch.setattr("audioplane.web.export._MOST_TORSOS", 8)
    moments, arrays = _shown(exported.run)
    assert [m.ref for m in moments] == list(exported.run.footage.loop[:7]) and not arrays
    moments, arrays = _shown(exported_torso.run)
    there = list(exported_torso.run.footage.loop[:5])
    assert [m.ref for m in moments] == there + there[3:0:-1]
    assert arrays["path"][0].tolist() == list(range(8))


@pytest.mark.parametrize("name", ["index.html", "torso.bin", "recogniser.bin"])
def test_files_that_no_export_wrote_are_not_replaced(exported, tmp_path, name):
    (tmp_path / name).write_text("mine")
    with pytest.raises(MediaError, match=rf"no export wrote \({name}\): name another folder"):
        export_web(exported.run, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_what_another_heads_export_left_is_replaced_or_goes(exported, mark_key, tmp_path):
    options = ProvenanceOptions(mark_key=mark_key)
    export_web(exported.run, tmp_path, options)
    for name in ("torso.bin", "recogniser.bin", "index.html"):
        (tmp_path / name).write_text("an earlier head's")
    made = export_web(exported.run, tmp_path, options)
    assert {path.name for path in tmp_path.iterdir()} == {
        path.name for path in exported.made.path.iterdir()
    }
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) == made.bytes


def test_the_page_carries_no_key_and_no_path(exported, mark_key):
    for path in exported.made.path.iterdir():
        content = path.read_bytes()
        assert bytes.fromhex(mark_key.read_text()) not in content
        assert mark_key.read_bytes() not in content
        assert str(exported.made.path.parent).encode() not in content


def test_a_head_that_nobody_consented_to_is_not_exported(exported, tmp_path):
    with pytest.raises(CredentialsError, match="consent"):
        export_web(replace(exported.run, consent=""), tmp_path / "site")
    assert not (tmp_path / "site").exists()


def test_a_head_is_not_exported_without_the_mark(exported, tmp_path):
    with pytest.raises(CredentialsError, match="mark=False"):
        export_web(exported.run, tmp_path / "site", ProvenanceOptions(mark=False))


@pytest.mark.parametrize("changes", [{"encoder": "concat"}, {"dynamism": False}])
def test_heads_of_other_kinds_are_refused(exported, tmp_path, changes):
    shape = HeadShape(**{**vars(exported.run.head.shape), **changes})
    with pytest.raises(CheckpointError, match=next(iter(changes))):
        export_web(replace(exported.run, head=Head(shape, torch.Generator())), tmp_path / "site")


def test_an_export_that_was_interrupted_can_be_made_again(
    exported_phones, tmp_path, monkeypatch, mark_key
):
    def interrupt(*_):
        raise KeyboardInterrupt

    options = ProvenanceOptions(mark_key=mark_key)
    with monkeypatch.context() as patched:
        patched.setattr("audioplane.web.export.write_head_bin", interrupt)
        with pytest.raises(KeyboardInterrupt):
            export_web(exported_phones.run, tmp_path, options)
    made = export_web(exported_phones.run, tmp_path, options)
    assert (made.path / "recogniser.bin").exists()
