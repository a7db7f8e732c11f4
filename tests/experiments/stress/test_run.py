import pytest

from audioplane.errors import MediaError
from audioplane.experiments.stress import stress


def test_a_place_where_nothing_can_be_written_is_told_before_any_work(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(MediaError, match="file"):
        stress(tmp_path, out=tmp_path / "file")
