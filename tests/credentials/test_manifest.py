import json

import c2pa
import numpy as np
import pytest

from audioplane.credentials import (
    Origin,
    load_signer,
    own_test_signer,
    read_credentials,
    sign_video,
)
from audioplane.errors import CredentialsError
from audioplane.media.video import VideoWriter
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


def test_a_changed_file_is_told(video):
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
    with pytest.raises(CredentialsError, match="--sign-cert"):
        sign_video(video, ORIGIN, broken)
    assert video.read_bytes() == before
    assert {p.name for p in tmp_path.iterdir()} == {"a.mp4", "k"}


def test_what_is_not_mp4_carries_none(tmp_path):
    for name in ("a.mkv", "a.txt"):
        (tmp_path / name).write_text("hello")
        assert read_credentials(tmp_path / name) is None
    (tmp_path / "a.mp4").write_text("hello")
    with pytest.raises(CredentialsError, match="cannot be read"):
        read_credentials(tmp_path / "a.mp4")
