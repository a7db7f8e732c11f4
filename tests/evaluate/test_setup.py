import re

import audioplane
from audioplane.evaluate.setup import git_commit, package_versions


def test_versions_of_what_figures_depend_on():
    versions = package_versions()
    assert {"python", "torch", "numba", "mediapipe"} <= versions.keys()


def test_a_package_outside_a_checkout_has_no_commit(tmp_path, monkeypatch):
    commit = git_commit()
    assert commit is None or re.fullmatch(r"[0-9a-f]{40}\+?", commit)
    monkeypatch.setattr(audioplane, "__file__", str(tmp_path / "audioplane" / "__init__.py"))
    (tmp_path / "audioplane").mkdir()
    assert git_commit() is None
