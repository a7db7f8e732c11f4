"""The renderer's frames equal those of the differentiable path."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from audioplane.bench.scenes import seeded_detail
from audioplane.drive.renderer import FrameRenderer, TensorRenderer, renderer_for
from audioplane.head import Motion, splat_head
from tests.gpu import gpu, stand_in
from tests.head.test_head import make_head, view


def test_frames_equal_those_of_the_differentiable_path():
    head = make_head()
    generator = torch.Generator().manual_seed(5)
    plate = torch.randint(0, 256, (32, 40, 3), generator=generator, dtype=torch.uint8)
    renderer = FrameRenderer(head, 40, 32)
    drawn = []
    for _ in range(3):
        motion = Motion(*torch.randn(2, 96, generator=generator))
        image, dynamic = renderer.render(motion, view(), plate.numpy())
        with torch.no_grad():
            expected = splat_head(*head.deform(motion), view(), plate / 255).image
        assert np.abs(image - 255 * expected[..., :3].clamp(0, 1).numpy()).max() < 0.502
        assert np.abs(dynamic - expected[..., 3].clamp(0, 1).numpy()).max() < 1e-5
        drawn.append(image)
    assert not np.array_equal(drawn[0], drawn[1])


def test_a_kept_frame_is_not_drawn_over():
    renderer, plate = FrameRenderer(make_head(), 40, 32), np.full((32, 40, 3), 90, np.uint8)
    codes = torch.randn(2, 96, generator=torch.Generator().manual_seed(6))
    first, dynamic = renderer.render(Motion(codes[0], codes[0]), view(), plate)
    kept = first.copy(), dynamic.copy()
    renderer.render(Motion(codes[1], codes[1]), view(), plate)
    assert np.array_equal(first, kept[0]) and np.array_equal(dynamic, kept[1])


def test_a_detail_map_or_plate_of_another_size_is_refused():
    """Kernels check no bounds."""
    head, plate = make_head(), np.zeros((33, 40, 3), np.uint8)
    with pytest.raises(ValueError, match="a plate of"):
        FrameRenderer(head, 40, 32).render(Motion(*torch.zeros(2, 96)), view(), plate)
    head.detail = seeded_detail(head, replace(view(), height=33))
    with pytest.raises(ValueError, match="of 40 x 33 pixels, not 40 x 32"):
        FrameRenderer(head, 40, 32)


def _frame(head):
    """One frame by the renderer of the head's device."""
    generator = torch.Generator().manual_seed(7)
    plate = torch.randint(0, 256, (32, 40, 3), generator=generator, dtype=torch.uint8).numpy()
    codes = torch.randn(2, 96, generator=generator).to(head.device)
    return renderer_for(head, 40, 32).render(Motion(*codes), view(), plate)


def _assert_alike(one, other):
    (image, dynamic), (expected, expected_dynamic) = one, other
    assert image.dtype == np.uint8 and image.shape == expected.shape
    assert np.mean(np.abs(image.astype(int) - expected) > 2) < 0.001
    assert np.mean(np.abs(dynamic - expected_dynamic) > 0.01) < 0.001


def test_a_gpu_draws_as_the_cpu():
    expected = _frame(make_head())
    with stand_in() as device:
        head = make_head().requires_grad_(False).to(device)
        assert isinstance(renderer_for(head, 40, 32), TensorRenderer)
        _assert_alike(_frame(head), expected)


@gpu
def test_a_real_gpu_draws_as_the_cpu():
    _assert_alike(_frame(make_head().to("cuda")), _frame(make_head()))


def test_a_gpu_draws_the_detail_map_as_the_cpu():
    def drawn(head):
        head.detail = seeded_detail(make_head(), view())
        return _frame(head)

    expected = drawn(make_head())
    without, _ = _frame(make_head())
    assert np.abs(expected[0].astype(int) - without).max() > 2
    with stand_in() as device:
        _assert_alike(drawn(make_head().requires_grad_(False).to(device)), expected)
