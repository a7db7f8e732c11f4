import hashlib
import importlib.metadata
import json
import re
import subprocess
import sys
from dataclasses import replace

import pytest

from audioplane import doctor
from audioplane.cli import main
from audioplane.face import landmarker
from audioplane.face.landmarker import FACE_LANDMARKER
from audioplane.prepare.masks.segmenter import PERSON_NETWORK, SEGMENTER


@pytest.fixture(autouse=True)
def empty_places(tmp_path, monkeypatch):
    """No model anywhere."""
    monkeypatch.setattr("audioplane.assets.cache_root", lambda: tmp_path)
    monkeypatch.setattr("audioplane.assets._in_hub_cache", lambda name: None)
    monkeypatch.delenv("AUDIOPLANE_ASSETS", raising=False)
    FACE_LANDMARKER.cached.parent.mkdir(parents=True)


def report(capsys, code: int = 0) -> dict[str, dict]:
    assert main(["doctor", "--json"]) == code
    return {c["name"]: c for c in json.loads(capsys.readouterr().out)["checks"]}


def test_missing_things_say_where_to_get_them_and_what_they_are_for(tmp_path, capsys):
    checks = report(capsys)
    found = checks["face_landmarker.task"]
    assert found["state"] == "missing" and "prepare" in found["gives"]
    assert FACE_LANDMARKER.url in found["detail"]
    assert str(FACE_LANDMARKER.cached.parent) in found["detail"]
    assert "masks of the person" in checks[PERSON_NETWORK.name]["gives"]
    assert "hair" in checks[SEGMENTER.name]["gives"]
    assert checks["alex.pth"]["state"] == "missing" and "LPIPS" in checks["alex.pth"]["gives"]
    assert str(tmp_path / "models" / "lpips_v0.1") in checks["alex.pth"]["detail"]
    assert {checks[name]["group"] for name in ("aiortc", "fastapi", "uvicorn")} == {"extra"}
    assert "live" in checks["uvicorn"]["gives"]
    assert checks["hubert-large-ls960-ft"]["gives"] == "speech features 'hubert'"
    assert checks["torch"]["detail"] == importlib.metadata.version("torch")
    assert checks["encoder libx264"]["state"] == "there"
    assert checks["device"]["detail"].startswith(("cpu: ", "cuda: "))


def test_files_are_found_and_damaged_ones_reported(tmp_path, capsys, monkeypatch):
    file = FACE_LANDMARKER.cached
    file.write_bytes(b"a model")
    known = replace(FACE_LANDMARKER, sha256=hashlib.sha256(b"a model").hexdigest())
    monkeypatch.setattr(landmarker, "FACE_LANDMARKER", known)
    found = report(capsys)["face_landmarker.task"]
    assert (found["state"], found["detail"]) == ("there", str(file))
    file.write_bytes(b"half a mo")
    found = report(capsys)["face_landmarker.task"]
    assert found["state"] == "damaged" and "delete it" in found["detail"]


def test_the_table_is_for_people(capsys):
    assert main(["doctor"]) == 0
    printed = capsys.readouterr().out
    assert "ok torch" in printed
    assert "– selfie_multiclass_256x256.tflite" in printed


def test_a_missing_encoder_of_webm_is_no_failure(capsys, monkeypatch):
    monkeypatch.setattr("av.codecs_available", {"libx264", "aac"})
    checks = report(capsys)
    for name in ("encoder libvpx-vp9", "encoder libopus"):
        assert checks[name]["state"] == "missing" and "no .webm" in checks[name]["gives"]
    monkeypatch.setattr("av.codecs_available", {"libx264"})
    assert report(capsys, code=1)["encoder aac"]["state"] == "missing"


def test_a_missing_library_is_a_failure(capsys, monkeypatch):
    real = importlib.metadata.version

    def version(name: str) -> str:
        if name == "mediapipe":
            raise importlib.metadata.PackageNotFoundError(name)
        return real(name)

    monkeypatch.setattr(doctor.importlib.metadata, "version", version)
    checks = report(capsys, code=1)
    assert checks["mediapipe"]["state"] == "missing"
    assert main(["doctor"]) == 1
    printed = capsys.readouterr()
    assert "pip install audioplane" in printed.out and "is missing" in printed.err


WITHOUT = """
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in sys.argv[1].split():
            raise ImportError("libGL.so.1: cannot open\\nshared object file")

sys.meta_path.insert(0, Absent())
from audioplane.cli import main
sys.exit(main(sys.argv[2:]))
"""


def run_without(modules: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", WITHOUT, modules, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


@pytest.mark.parametrize("without", [{"numpy"}, {"c2pa-python"}, set(doctor._LIBRARIES)])
def test_libraries_that_cannot_be_loaded_are_reported(without):
    modules = " ".join(doctor._LIBRARIES[name].split(".")[0] for name in without)
    told = run_without(modules, "doctor", "--json")
    assert told.returncode == 1 and "Traceback" not in told.stderr
    checks = {c["name"]: c for c in json.loads(told.stdout)["checks"]}
    for found in (checks[name] for name in without):
        assert found["state"] == "damaged" and "libGL.so.1: cannot open shared" in found["detail"]
        assert f"reinstall {found['name']}" in found["gives"]
    other = run_without(modules, "verify", "a.mp4")
    assert other.returncode == 1 and other.stderr.count("\n") == 1
    assert "audioplane doctor" in other.stderr


def test_the_table_needs_no_library():
    told = run_without("rich tyro", "doctor")
    assert "no rich" in told.stdout and "ok torch" in told.stdout
    assert told.stderr.startswith("audioplane: something essential")


def test_its_help_needs_no_library_either():
    told = run_without("rich tyro", "doctor", "--help")
    assert told.returncode == 0 and "--json" in told.stdout and "torch" not in told.stdout
    assert run_without("rich tyro", "doctor", "--jsn").returncode == 2


def test_every_library_that_is_required_is_tried():
    requirements = importlib.metadata.requires("audioplane") or []
    needed = {re.split(r"[<>=]", r)[0] for r in requirements if "extra ==" not in r}
    assert needed == set(doctor._LIBRARIES)
    extras = {re.split(r"[<>=]", r)[0] for r in requirements if re.search('extra == "(?!dev)', r)}
    assert extras == {name for name, *_ in doctor._EXTRAS}


def test_a_library_that_fails_when_it_is_used_is_reported(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "audioplane.speech", None)
    found = report(capsys, code=1)["its modules"]
    assert found["state"] == "damaged" and "audioplane.speech" in found["detail"]


def test_an_extra_that_cannot_be_loaded_is_reported(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    monkeypatch.setattr(doctor, "_version", lambda name: "1.0")
    found = report(capsys)["uvicorn"]
    assert found["state"] == "damaged" and "1.0, damaged: " in found["detail"]
