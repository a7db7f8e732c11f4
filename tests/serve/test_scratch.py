import os
import tempfile

from audioplane.serve.scratch import remove_stale_folders, scratch_folder


def test_folders_of_killed_servers_go_and_those_of_running_ones_stay(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    left, new = tmp_path / "audioplane-serve-left", tmp_path / "audioplane-serve-new"
    for folder in (left, new):
        folder.mkdir()
    with scratch_folder() as used:
        for folder in (left, used):
            os.utime(folder, (0, 0))
        remove_stale_folders()
        assert sorted(tmp_path.iterdir()) == sorted([new, used])
    assert not used.exists()
