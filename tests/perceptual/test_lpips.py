import os
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from audioplane.errors import CheckpointError
from audioplane.perceptual import LPIPS
from audioplane.perceptual.lpips import read_heads, unit_length
from tests.perceptual.random_weights import CHANNELS, RandomWeights

ASSETS = os.environ.get("AUDIOPLANE_ASSETS")


def images(*shape: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(*shape, generator=generator), torch.rand(*shape, generator=generator)


def published(weights: RandomWeights, render: Tensor, target: Tensor) -> Tensor:
    """LPIPS v0.1 of [h w 3] images, written down from the paper and the official code."""
    shift = torch.tensor([-0.030, -0.088, -0.188])[:, None, None]
    scale = torch.tensor([0.458, 0.448, 0.450])[:, None, None]
    # What happens before a convolution, and behind which a layer of LPIPS ends.
    ends, pooled, pool = (0, 3, 6, 8, 10), (3, 6), (3, 2)
    geometry = {0: (4, 2), 3: (1, 2)}

    def features(image: Tensor) -> list[Tensor]:
        x = ((image.movedim(-1, 0) * 2 - 1 - shift) / scale)[None]
        found = []
        for name in weights.backbone:
            if not (name.startswith("features.") and name.endswith("weight")):
                continue
            number = int(name.split(".")[1])
            stride, padding = geometry.get(number, (1, 1))
            if number in pooled:
                x = F.max_pool2d(x, *pool)
            bias = weights.backbone[f"features.{number}.bias"]
            x = F.relu(F.conv2d(x, weights.backbone[name], bias, stride, padding))
            if number in ends:
                length = (x**2).sum(1, keepdim=True).sqrt()
                found.append(x / (length + 1e-10))
        return found

    total = torch.zeros(())
    for i, (a, b) in enumerate(zip(features(render), features(target), strict=True)):
        head = weights.heads[f"lin{i}.model.1.weight"]
        total = total + F.conv2d((a - b) ** 2, head).mean()
    return total


@pytest.fixture(scope="module")
def lpips(weights: RandomWeights) -> LPIPS:
    return LPIPS.load(weights.folder)


@pytest.mark.parametrize("size", [(64, 64), (49, 83)])
def test_it_is_the_published_distance(lpips: LPIPS, weights: RandomWeights, size) -> None:
    render, target = images(*size, 3)
    expected = published(weights, render, target)
    assert expected > 0.01
    torch.testing.assert_close(lpips(render, target), expected, rtol=1e-5, atol=0)


def test_images_of_a_batch_are_scored_by_themselves(lpips: LPIPS) -> None:
    render, target = images(3, 40, 50, 3)
    together = lpips(render, target)
    assert together.shape == (3,)
    alone = torch.stack([lpips(a, b) for a, b in zip(render, target, strict=True)])
    torch.testing.assert_close(together, alone, rtol=1e-5, atol=0)


def test_equal_images_have_no_distance_and_order_does_not_matter(lpips: LPIPS) -> None:
    render, target = images(64, 64, 3)
    assert lpips(render, render).item() == 0
    assert lpips(render, target).item() == pytest.approx(lpips(target, render).item(), rel=1e-6)


def test_images_of_8_bits_score_the_same(lpips: LPIPS) -> None:
    rng = np.random.default_rng(0)
    image, truth = rng.integers(0, 256, (2, 90, 70, 3), dtype=np.uint8)
    image, truth = image[10:74], truth[10:74]  # a crop, as `evaluate` hands them over
    expected = lpips(*(torch.from_numpy(x / np.float32(255)) for x in (image, truth)))
    assert lpips.score(image, truth) == pytest.approx(expected.item(), rel=1e-6)


def test_gradient_is_that_of_finite_differences(weights: RandomWeights) -> None:
    lpips = LPIPS.load(weights.folder).double()
    render, target = (x.double() for x in images(64, 64, 3))
    render.requires_grad_()
    target.requires_grad_()
    (gradient,) = torch.autograd.grad(lpips(render, target), render)
    generator = torch.Generator().manual_seed(1)
    step = 1e-6
    with torch.no_grad():
        for _ in range(3):
            # A direction that the distance does change along, and some noise.
            noise = torch.randn(64, 64, 3, dtype=torch.float64, generator=generator)
            along = gradient / gradient.norm() + noise / noise.norm()
            slope = lpips(render + step * along, target) - lpips(render - step * along, target)
            expected = (slope / (2 * step)).item()
            assert (gradient * along).sum().item() == pytest.approx(expected, rel=1e-5)


def test_gradients_flow_to_the_render_alone(lpips: LPIPS) -> None:
    render, target = (x.requires_grad_() for x in images(64, 64, 3))
    lpips(render, target).backward()
    assert render.grad is not None and render.grad.abs().sum() > 0
    assert target.grad is None
    assert all(p.grad is None and not p.requires_grad for p in lpips.parameters())


def test_places_without_features_have_a_finite_gradient() -> None:
    """The official code's is NaN there (its issues 69 and 121)."""
    y = torch.zeros(1, 4, 2, 2, requires_grad=True)
    unit = unit_length(y.relu())
    unit.square().sum().backward()
    assert unit.abs().sum() == 0 and y.grad is not None and y.grad.abs().sum() == 0


def test_images_too_small_for_the_pools_are_refused(lpips: LPIPS) -> None:
    assert lpips(*images(32, 32, 3)).isfinite()
    with pytest.raises(ValueError, match="too small"):
        lpips(*images(40, 31, 3))


def test_loading_draws_no_random_numbers(weights: RandomWeights) -> None:
    state = torch.random.get_rng_state()
    LPIPS.load(weights.folder)
    assert torch.equal(torch.random.get_rng_state(), state)


@pytest.mark.skipif(ASSETS is None, reason="AUDIOPLANE_ASSETS is not set")
def test_the_official_heads_load_and_are_not_negative() -> None:
    path = Path(ASSETS or "") / "models" / "lpips_v0.1" / "alex.pth"
    if not path.is_file():
        pytest.skip(f"AUDIOPLANE_ASSETS has no {path.name}")
    heads = read_heads(path, CHANNELS)
    assert [len(w) for w in heads] == list(CHANNELS)
    assert all((w >= 0).all() and w.max() > 0.1 for w in heads)


@pytest.mark.parametrize("value", [-1e-6, float("nan")])
def test_negative_heads_are_refused(own_weights: RandomWeights, value: float) -> None:
    own_weights.heads["lin3.model.1.weight"][0, 5] = value
    own_weights.save()
    with pytest.raises(CheckpointError, match=r"alex\.pth is no LPIPS head: lin3\.model"):
        LPIPS.load(own_weights.folder)
