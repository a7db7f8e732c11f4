import hashlib
import urllib.error

import pooch
import pytest

from audioplane.errors import PrepareError
from audioplane.prepare import models
from audioplane.prepare.models import FACE_LANDMARKER, PERSON_NETWORK, SEGMENTER, ModelFile

CONTENT = b"a model"
MODEL = ModelFile(
    "tiny.task", "https://models.example/tiny.task", hashlib.sha256(CONTENT).hexdigest()
)


@pytest.fixture(autouse=True)
def places(tmp_path, monkeypatch):
    """An empty cache and an empty assets folder."""
    monkeypatch.setattr(models, "cache_folder", lambda: tmp_path / "cache")
    monkeypatch.setenv(models.ASSETS_VARIABLE, str(tmp_path / "assets"))
    (tmp_path / "assets" / "models" / "mediapipe").mkdir(parents=True)
    (tmp_path / "cache").mkdir()


@pytest.fixture
def network(monkeypatch):
    """What the network would answer: bytes or an error. Addresses asked for are kept."""

    class Network:
        answer: bytes | Exception = urllib.error.URLError("no route to host")
        asked: list[str] = []

    network = Network()
    network.asked = []

    def download(self, url, output_file, pooch, check_only=False):
        network.asked.append(url)
        if isinstance(network.answer, Exception):
            raise network.answer
        with open(output_file, "wb") as file:
            file.write(network.answer)

    monkeypatch.setattr(pooch.HTTPDownloader, "__call__", download)
    return network


def test_the_given_path_is_before_assets_before_cache_before_network(tmp_path, network):
    network.answer = CONTENT
    fetched = models.require_model(MODEL)
    assert fetched == tmp_path / "cache" / MODEL.name
    assert network.asked == [MODEL.url]

    assert models.require_model(MODEL) == fetched
    in_assets = tmp_path / "assets" / "models" / "mediapipe" / MODEL.name
    in_assets.write_bytes(CONTENT)
    assert models.require_model(MODEL) == in_assets
    given = tmp_path / "another name.task"
    given.write_bytes(b"one's own model needs no digest")
    assert models.require_model(MODEL, given) == given
    assert network.asked == [MODEL.url]


def test_without_the_variable_the_cache_is_looked_into(tmp_path, monkeypatch):
    monkeypatch.delenv(models.ASSETS_VARIABLE)
    (tmp_path / "assets" / "models" / "mediapipe" / MODEL.name).write_bytes(CONTENT)
    assert models.local_model(MODEL) is None
    (tmp_path / "cache" / MODEL.name).write_bytes(CONTENT)
    assert models.local_model(MODEL) == tmp_path / "cache" / MODEL.name


def fails(*words: str, given=None) -> None:
    with pytest.raises(PrepareError) as caught:
        models.require_model(MODEL, given)
    message = str(caught.value)
    assert "\n" not in message
    for word in words:
        assert word in message


def test_without_network_the_error_names_file_address_and_place(tmp_path, network):
    fails(MODEL.name, MODEL.url, str(tmp_path / "cache"))
    assert not list((tmp_path / "cache").iterdir())


def test_a_download_of_other_bytes_is_refused_and_not_kept(tmp_path, network):
    network.answer = b"a portal's login page"
    fails(MODEL.name, MODEL.url, "other bytes")
    assert not list((tmp_path / "cache").iterdir())
    network.answer = CONTENT
    assert models.require_model(MODEL).read_bytes() == CONTENT


@pytest.mark.parametrize("place", ["assets/models/mediapipe", "cache"])
def test_a_damaged_file_is_named_and_nothing_fetched(tmp_path, network, place):
    damaged = tmp_path / place / MODEL.name
    damaged.write_bytes(CONTENT[:-1])
    fails(str(damaged), "delete it")
    assert not network.asked


def test_a_given_path_that_is_no_file_is_named(tmp_path, network):
    fails(str(tmp_path / "nowhere"), given=tmp_path / "nowhere")
    assert not network.asked


def test_what_is_fetched_unasked_has_a_pinned_digest():
    for model in (FACE_LANDMARKER, PERSON_NETWORK):
        assert len(model.sha256) == 64
    # Parsing does without it, and `local_model` never asks the network.
    assert models.local_model(SEGMENTER) is None
