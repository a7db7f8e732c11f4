import json

import av
import c2pa
import numpy as np
import pytest

from audioplane.credentials import (
    Origin,
    can_hold_credentials,
    load_signer,
    manifest,
    own_test_signer,
    read_credentials,
    sign_video,
    state,
)
from audioplane.errors import CredentialsError
from audioplane.media.writer import VideoWriter
from tests.credentials.certificates import write_identity

ORIGIN = Origin(
    "ab" * 32, "0123abcd", True, "cd" * 32, "me, to a test", "2026-01-02T03:04:05+00:00"
)


@pytest.fixture
def video(tmp_path):
    path = tmp_path / "a.mp4"
    with VideoWriter(path, 32, 32) as writer:
        for level in range(10):
            writer.write(np.full((32, 32, 3), 20 * level, np.uint8))
    return path


def test_what_was_stated_can_be_read(video):
    assert read_credentials(video) is None
    sign_video(video, ORIGIN, own_test_signer())
    found = read_credentials(video)
    assert found is not None and found.origin == ORIGIN
    assert found.intact and found.ai_generated and found.test_certificate and not found.problems
    assert found.generator.startswith("audioplane ")
    assert [p.name for p in video.parent.iterdir()] == ["a.mp4"]


def test_any_reader_of_c2pa_sees_ai_generated(video):
    sign_video(video, ORIGIN, own_test_signer())
    with c2pa.Reader(video) as reader:
        text, state = reader.json(), reader.get_validation_state()
    manifest = next(iter(json.loads(text)["manifests"].values()))
    action = next(a for a in manifest["assertions"] if a["label"] == "c2pa.actions.v2")
    action = action["data"]["actions"][0]
    assert state == "Valid" and action["action"] == "c2pa.created"
    assert action["digitalSourceType"].endswith("/trainedAlgorithmicMedia")
    assert "time" not in manifest["signature_info"]  # no server was asked to stamp it


@pytest.mark.parametrize("kind", ["es384", "ed25519", "ps256"])
def test_the_users_certificate_signs(video, tmp_path, kind):
    sign_video(video, ORIGIN, load_signer(*write_identity(tmp_path / kind, kind)))
    found = read_credentials(video)
    assert found is not None and found.intact and not found.test_certificate
    assert found.signer == "Ex Ample, Example Film"


def test_a_changed_file_is_detected(video):
    sign_video(video, ORIGIN, own_test_signer())
    data = bytearray(video.read_bytes())
    data[-40] ^= 1
    video.write_bytes(data)
    found = read_credentials(video)
    assert found is not None and not found.intact and "mismatch" in found.problems[0]


def test_a_certificate_that_does_not_suit_leaves_the_video(video, tmp_path):
    key, certificate = write_identity(tmp_path / "k", "es256")
    signer = load_signer(key, certificate)
    broken = type(signer)(signer.algorithm, b"no certificate", signer.private_key)
    before = video.read_bytes()
    with pytest.raises(CredentialsError, match="sign_cert="):
        sign_video(video, ORIGIN, broken)
    assert video.read_bytes() == before
    assert {p.name for p in tmp_path.iterdir()} == {"a.mp4", "k"}


@pytest.mark.parametrize("suffix", [".mov", ".m4v"])
def test_quicktime_files_hold_credentials_too(video, suffix):
    path = video.rename(video.with_suffix(suffix))
    with av.open(str(path)) as old, av.open(str(path) + ".mov", "w", format="mov") as new:
        stream = new.add_stream_from_template(old.streams.video[0])
        for packet in old.demux(old.streams.video[0]):
            if packet.dts is not None:
                packet.stream = stream
                new.mux(packet)
    if suffix == ".mov":
        path = path.with_name(path.name + ".mov")
    sign_video(path, ORIGIN, own_test_signer())
    found = read_credentials(path)
    assert found is not None and found.intact and found.origin == ORIGIN


@pytest.mark.parametrize("suffix", [".webm", ".mkv"])
def test_a_container_that_cannot_hold_credentials_is_reported(tmp_path, suffix):
    out = tmp_path / f"a{suffix}"
    assert not can_hold_credentials(out)
    with pytest.raises(CredentialsError, match="cannot hold"):
        sign_video(out, ORIGIN, own_test_signer())
    stated = state("ab" * 32, "me", out=out)
    assert stated.signer is None and "cannot hold credentials" in stated.notes[0]
    stated.seal(out)  # does nothing


def test_a_disk_that_fills_is_not_blamed_on_the_certificate(video, monkeypatch):
    import resource
    import signal

    assert signal.getsignal(signal.SIGXFSZ) == signal.SIG_IGN
    limits, before = resource.getrlimit(resource.RLIMIT_FSIZE), video.read_bytes()
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(CredentialsError, match="File too large") as refused:
            sign_video(video, ORIGIN, own_test_signer())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "sign_cert" not in str(refused.value) and video.read_bytes() == before
    assert [p.name for p in video.parent.iterdir()] == ["a.mp4"]

    def fills(*_):
        raise c2pa.C2paError.Io("No space left on device (os error 28)")

    monkeypatch.setattr(c2pa.Builder, "sign_file", fills)
    with pytest.raises(CredentialsError, match="no room left"):
        sign_video(video, ORIGIN, own_test_signer())


@pytest.mark.parametrize(
    "stated, said",
    [
        ({"head": ["x"]}, "'head' is no text"),
        ({"head": ""}, "'head' is not 64 hexadecimal digits"),
        ({"session": "0123abcx"}, "'session' is not 8 hexadecimal digits"),
    ],
)
def test_foreign_statements_of_other_types_are_refused(video, monkeypatch, stated, said):
    odd = {**manifest._manifest(ORIGIN)}
    odd["assertions"][1]["data"] = {**odd["assertions"][1]["data"], **stated}
    monkeypatch.setattr(manifest, "_manifest", lambda origin: odd)
    sign_video(video, ORIGIN, own_test_signer())
    with pytest.raises(CredentialsError, match=said):
        read_credentials(video)


def test_only_what_no_trust_list_holds_is_no_problem():
    codes = ("signingCredential.untrusted", "timeStamp.untrusted", "timeStamp.mismatch")
    store = {
        "active_manifest": "a",
        "manifests": {"a": {}},
        "validation_status": [{"code": code} for code in codes],
    }
    assert manifest._credentials(store).problems == ("timeStamp.mismatch: ",)


def test_what_is_not_mp4_carries_none(tmp_path):
    for name in ("a.mkv", "a.txt"):
        (tmp_path / name).write_text("hello")
        assert read_credentials(tmp_path / name) is None
    (tmp_path / "a.mp4").write_text("hello")
    with pytest.raises(CredentialsError, match="cannot be read"):
        read_credentials(tmp_path / "a.mp4")
