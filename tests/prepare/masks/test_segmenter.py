import gc
from pathlib import Path

import numpy as np
import pytest

from audioplane.errors import PrepareError
from audioplane.prepare.masks.segmenter import Part, PartSegmenter, PersonNetwork, SelfieSegmenter
from tests.face.figure import CLASS_COLOURS, draw, parts
from tests.prepare.tiny_segmenter import write_person_network, write_segmenter


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
def test_the_mask_has_the_size_and_the_parts_of_the_image(model, size):
    image, true = draw(3, size), parts(draw(3, size))
    with SelfieSegmenter(model) as segmenter:
        found = segmenter.segment(image)
    assert found.shape == (size, size)
    assert found.dtype == np.uint8
    # Beside 256 the model sees the image resampled, which moves outlines a little.
    assert (found == true).mean() > (0.9999 if size == 256 else 0.995)


def test_a_mask_outlives_the_segmenter_and_its_other_masks(model):
    with SelfieSegmenter(model) as segmenter:
        masks = [segmenter.segment(draw(i, 256)) for i in range(12)]
    del segmenter
    gc.collect()
    for i, mask in enumerate(masks):
        assert (mask == parts(draw(i, 256))).mean() > 0.9999


def test_an_image_that_is_a_view_is_read_correctly(model):
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
    with pytest.raises(PrepareError, match="separates 2 classes, not 6"):
        SelfieSegmenter(two)


def test_a_person_network_sees_red_green_and_blue_in_this_order(tmp_path):
    model = write_person_network(tmp_path / "red.tflite", (40.0, -40.0, 0.0), -20.0)
    image = np.zeros((64, 96, 3), np.uint8)
    image[:, :32, 0], image[:, 32:64, 1], image[:, 64:] = 255, 255, 255
    person = PersonNetwork(model).person(image)
    assert person.shape == (256, 256)
    assert person.dtype == np.float32
    thirds = [person[:, x : x + 60].mean() for x in (10, 100, 190)]
    np.testing.assert_allclose(thirds, [1, 0, 0], atol=1e-6)


def test_the_output_of_a_person_network_outlives_its_next_image(tmp_path):
    network = PersonNetwork(write_person_network(tmp_path / "m.tflite", (20.0, 0.0, 0.0), -10.0))
    white = network.person(np.full((32, 32, 3), 255, np.uint8))
    network.person(np.zeros((32, 32, 3), np.uint8))
    assert (white > 0.99).all()


def test_another_file_is_no_person_network(tmp_path):
    (tmp_path / "text.tflite").write_text("no model")
    parts = write_segmenter(tmp_path / "parts.tflite", CLASS_COLOURS)
    for path in (tmp_path / "text.tflite", tmp_path / "absent.tflite", parts):
        with pytest.raises(PrepareError, match=f"{path.name} is no selfie segment") as caught:
            PersonNetwork(path)
        assert "\n" not in str(caught.value)
