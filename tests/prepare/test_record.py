from pathlib import Path

import pytest

from audioplane.errors import PrepareError
from audioplane.prepare.record import Record, alone_in, open_record


def opened(out: Path, sha256: str = "a", force: bool = False, **options) -> Record:
    out.mkdir(exist_ok=True)
    return open_record(out, sha256, options, force, last="body")


def with_stages(out: Path, *stages: str) -> Record:
    record = opened(out)
    record.done = dict.fromkeys(stages, 1.0)
    record.save()
    (out / "parsing").mkdir()
    return record


def test_after_a_refused_video_another_may_follow(tmp_path):
    opened(tmp_path / "s")
    assert opened(tmp_path / "s", "b").source_sha256 == "b"


@pytest.mark.parametrize(
    ("stages", "sha256", "goes_on"),
    [(["crop"], "a", True), (["crop"], "b", False), (["crop", "body"], "a", False)],
)
def test_force_goes_on_with_what_was_interrupted_alone(tmp_path, stages, sha256, goes_on):
    with_stages(tmp_path / "s", *stages)
    assert bool(opened(tmp_path / "s", sha256, force=True).done) == goes_on
    assert (tmp_path / "s" / "parsing").exists() == goes_on


def test_force_starts_again_where_the_record_is_damaged(tmp_path):
    with_stages(tmp_path / "s", "crop").path.write_text("{")
    assert not opened(tmp_path / "s", force=True).done


def test_a_folder_is_prepared_once_at_a_time(tmp_path):
    with alone_in(tmp_path / "s"):
        with pytest.raises(PrepareError, match="another preparation is at work"):
            alone_in(tmp_path / "s").__enter__()
    with alone_in(tmp_path / "s"):
        opened(tmp_path / "s")
    assert [file.name for file in (tmp_path / "s").iterdir()] == ["prepare.json"]
