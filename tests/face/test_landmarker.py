import pytest

from audioplane.errors import ModelError
from audioplane.face.landmarker import Landmarker


@pytest.mark.parametrize("data", [b"", b"no model"])
def test_a_file_that_is_no_landmarker_is_refused(tmp_path, data):
    path = tmp_path / "other.task"
    path.write_bytes(data)
    with pytest.raises(ModelError, match="other.task is no face landmarker"):
        Landmarker(path)
