import stat

import pytest

from audioplane.credentials.installation import (
    config_folder,
    find_mark_key,
    installed_mark_key,
    read_mark_key,
)
from audioplane.credentials.signer import own_test_signer
from audioplane.errors import CredentialsError


@pytest.fixture
def fresh(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.delenv("AUDIOPLANE_HOME", raising=False)
    folder = config_folder()
    assert folder is not None
    return folder


def test_the_key_is_made_once_and_for_its_user_alone(fresh):
    assert installed_mark_key(create=False) is None and not fresh.exists()
    key = installed_mark_key(create=True)
    assert key is not None and len(key) == 32
    assert installed_mark_key(create=False) == key == installed_mark_key(create=True)
    assert stat.S_IMODE((fresh / "mark.key").stat().st_mode) == 0o600
    assert [p.name for p in fresh.iterdir()] == ["mark.key"]


def test_a_key_may_be_named_by_text(fresh, tmp_path):
    (tmp_path / "k").write_text("00" * 32)
    assert find_mark_key(str(tmp_path / "k"), create=False) == bytes(32)


def test_what_is_no_key_is_named(fresh, tmp_path):
    file = tmp_path / "k"
    for content in ("", "hello", "00" * 31):
        file.write_text(content)
        with pytest.raises(CredentialsError, match=str(file)):
            read_mark_key(file)
    with pytest.raises(CredentialsError, match="nowhere"):
        read_mark_key(tmp_path / "nowhere")


def test_where_the_key_cannot_be_kept_the_message_says_how_to_continue(
    fresh, tmp_path, monkeypatch
):
    fresh.parent.mkdir(exist_ok=True)
    fresh.write_text("a file where the folder should be")
    with pytest.raises(CredentialsError) as refused:
        installed_mark_key(create=True)
    for way in ("mark.key", "mark_key=", "AUDIOPLANE_MARK_KEY", "AUDIOPLANE_HOME"):
        assert way in str(refused.value)
    monkeypatch.setenv("AUDIOPLANE_HOME", str(tmp_path / "own"))
    assert installed_mark_key(create=True) == read_mark_key(tmp_path / "own" / "mark.key")


def test_without_a_home_the_message_says_how_to_continue(fresh, monkeypatch):
    monkeypatch.delenv("XDG_CONFIG_HOME")
    monkeypatch.setattr("os.path.expanduser", lambda path: path)  # an unknown user id, no HOME
    assert config_folder() is None and installed_mark_key(create=False) is None
    with pytest.raises(CredentialsError, match="AUDIOPLANE_HOME"):
        installed_mark_key(create=True)
    assert own_test_signer().is_test  # needs no file
