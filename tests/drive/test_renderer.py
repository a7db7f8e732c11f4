"""The renderer draws what the differentiable path draws, frame after frame."""

import numpy as np
import pytest
import torch

from audioplane.drive.renderer import FrameRenderer
from audioplane.head import Motion, splat_head
from tests.head.test_head import make_head, view


@pytest.mark.parametrize("sh_bases", [1, 4])
def test_frames_equal_those_of_the_differentiable_path(sh_bases):
    head = make_head()
    head.gaussians.sh = head.gaussians.sh[:, :sh_bases].clone()
    last = head.field.rest[-1]
    last.weight = torch.nn.Parameter(last.weight[: 11 + 3 * sh_bases])
    last.bias = torch.nn.Parameter(last.bias[: 11 + 3 * sh_bases])
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
