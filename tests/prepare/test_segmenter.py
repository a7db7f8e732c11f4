import gc
from pathlib import Path

import numpy as np
import pytest

from audioplane.errors import PrepareError
from audioplane.prepare.segmenter import Part, PartSegmenter, SelfieSegmenter
from tests.prepare.figure import CLASS_COLOURS, draw, parts
from tests.prepare.tiny_segmenter import write_segmenter


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    return write_segmenter(tmp_path_factory.mktemp("model") / "tiny.tflite", CLASS_COLOURS)


def test_every_class_of_the_model_is_the_part_of_its_number(model):
    with SelfieSegmenter(model) as segmenter:
        assert isinstance(segmenter, PartSegmenter)
        for part in Part:
            image = np.full((64, 64, 3), CLASS_COLOURS[part], np.uint8)
            assert (segmenter.segment(image) == part).all()


@pytest.mark.parametrize("size", [256, 160, 512])
def test_the_mask_has_the_size_and_the_parts_of_the_picture(model, size):
    image, true = draw(3, size), parts(draw(3, size))
    with SelfieSegmenter(model) as segmenter:
        found = segmenter.segment(image)
    assert found.shape == (size, size)
    assert found.dtype == np.uint8
    # Beside 256 the model sees the picture resampled, which moves outlines a little.
    assert (found == true).mean() > (0.9999 if size == 256 else 0.995)


def test_a_mask_outlives_the_segmenter_and_its_other_masks(model):
    with SelfieSegmenter(model) as segmenter:
        masks = [segmenter.segment(draw(i, 256)) for i in range(12)]
    del segmenter
    gc.collect()
    for i, mask in enumerate(masks):
        assert (mask == parts(draw(i, 256))).mean() > 0.9999


def test_a_picture_that_is_a_view_is_read_right(model):
    with SelfieSegmenter(model) as segmenter:
        flipped = segmenter.segment(draw(0, 256)[:, ::-1])
        assert (flipped == parts(draw(0, 256))[:, ::-1]).mean() > 0.9999


def test_another_file_is_refused_in_one_line(tmp_path):
    (tmp_path / "text.tflite").write_text("no model")
    write_segmenter(tmp_path / "bare.tflite", CLASS_COLOURS, metadata=False)
    for name in ("text", "bare", "absent"):
        with pytest.raises(PrepareError, match=f"{name}.tflite is no image segmenter") as caught:
            SelfieSegmenter(tmp_path / f"{name}.tflite")
        assert "\n" not in str(caught.value)


def test_a_segmenter_of_other_classes_is_refused(tmp_path):
    two = write_segmenter(tmp_path / "two.tflite", CLASS_COLOURS[:2])
    with pytest.raises(PrepareError, match="into 2 classes, not 6"):
        SelfieSegmenter(two)
