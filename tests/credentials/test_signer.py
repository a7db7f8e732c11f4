import stat

import pytest

from audioplane.credentials.installation import config_folder
from audioplane.credentials.signer import load_signer, own_test_signer
from audioplane.errors import CredentialsError
from tests.credentials.certificates import write_identity


@pytest.mark.parametrize("kind", ["es256", "es384", "ed25519", "ps256"])
def test_the_algorithm_follows_from_the_key(tmp_path, kind):
    key, certificate = write_identity(tmp_path, kind)
    signer = load_signer(key, certificate)
    assert signer.algorithm == kind and signer.private_key == key.read_bytes()


def test_what_cannot_sign_is_said_in_a_line(tmp_path):
    key, certificate = write_identity(tmp_path / "a", "es256")
    other, _ = write_identity(tmp_path / "b", "es256")
    with pytest.raises(CredentialsError, match="not the key of"):
        load_signer(other, certificate)
    with pytest.raises(CredentialsError, match="no key that C2PA allows"):
        load_signer(*write_identity(tmp_path / "c", "small"))
    with pytest.raises(CredentialsError, match="PEM"):
        load_signer(certificate, certificate)
    with pytest.raises(CredentialsError, match="PEM"):
        load_signer(key, tmp_path / "missing.pem")


def test_the_test_signer_stays_the_same_and_secret(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    first, again = own_test_signer(), own_test_signer()
    assert first == again and first.certificates.count(b"BEGIN CERTIFICATE") == 2
    folder = config_folder()
    assert folder is not None
    path = folder / "test_signer.pem"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.write_text("damaged")
    with pytest.raises(CredentialsError, match="delete it"):
        own_test_signer()
