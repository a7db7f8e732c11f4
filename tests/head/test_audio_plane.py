"""Eq. 4 to 6 against plain re-computations."""

import numpy as np
import pytest
import torch

from audioplane.head.audio_plane import (
    AudioPrototypes,
    SpaceGrid,
    attention_weights,
    spread_over_sets,
)
from tests.gpu import gpu, stand_in


@pytest.fixture(params=[16, 24])
def grid(request):
    grid = SpaceGrid(torch.Generator().manual_seed(0), scales=(1, 2), h=5, d=request.param)
    with torch.no_grad():
        grid.lines.uniform_(0.5, 1.5)
    return grid


POINTS = torch.rand(50, 3, generator=torch.Generator().manual_seed(1)) * 2.4 - 1.2


def test_eq_4():
    generator = torch.Generator().manual_seed(2)
    q, A = torch.randn(3, 16, generator=generator), torch.randn(10, 16, generator=generator)
    scores = np.exp(q.numpy() @ A.numpy().T / 4)
    expected = scores / scores.sum(1, keepdims=True) @ A.numpy()
    assert np.allclose((attention_weights(q, A) @ A).numpy(), expected, atol=1e-5)


def test_sizes_are_those_of_the_paper():
    grid = SpaceGrid(torch.Generator())
    cells = sum(3 * (64 * s) ** 2 for s in (1, 2, 3, 4))
    assert grid.planes.shape == (cells, 16)
    assert grid.lines.shape == (sum(3 * 64 * s for s in (1, 2, 3, 4)), 16)
    assert [len(a) for a in AudioPrototypes(torch.Generator()).grids] == [64, 128, 192, 256]
    assert grid(torch.zeros(2, 3)).shape == (2, 192)


def test_eq_6_at_a_cell(grid):
    # The point on cell (i, j, k) of the coarse scale: nothing to interpolate.
    i, j, k = 1, 3, 2
    point = torch.tensor([[i, j, k]]) / 4 * 2.0 - 1
    S = grid(point)[0]
    planes, lines = grid.planes[:75].reshape(3, 5, 5, -1), grid.lines[:15].reshape(3, 5, -1)
    expected = [
        planes[0, j, i] * lines[0, k],
        planes[1, k, i] * lines[1, j],
        planes[2, k, j] * lines[2, i],
    ]
    assert torch.allclose(S[: len(S) // 2], torch.cat(expected), atol=1e-6)


def test_kernels_match_pytorch(grid):
    assert torch.allclose(grid(POINTS), grid.encode_reference(POINTS), atol=1e-6)


def test_gradients_match_pytorch(grid):
    weight = torch.rand(50, grid(POINTS).shape[1], generator=torch.Generator().manual_seed(3))
    gradients = []
    for encode in (grid.forward, grid.encode_reference):
        grid.planes.grad.zero_()
        grid.lines.grad.zero_()
        (encode(POINTS) * weight).sum().backward()
        gradients.append((grid.planes.grad.clone(), grid.lines.grad.clone()))
    for fast, exact in zip(*gradients, strict=True):
        assert torch.allclose(fast, exact, atol=1e-4)
    changed = gradients[0][0].abs().sum(1) > 0
    assert grid.touched.bool()[changed].all()


def test_a_point_that_is_not_a_number_gives_none_and_takes_its_gradient(grid):
    points = POINTS.clone()
    points[3, 1] = torch.nan
    S = grid(points)
    S[3].sum().backward()
    assert S[3].isnan().any() and S[torch.arange(50) != 3].isfinite().all()
    assert grid.touched.any() and not grid.touched.all()


def test_pytorchs_version_takes_no_points_too(grid):
    assert grid.encode_reference(POINTS[:0]).shape == (0, 2 * 3 * grid.planes.shape[1])


def test_a_gpu_computes_as_the_cpu(grid):
    expected = grid(POINTS)
    with stand_in() as device:
        there = grid.to(device)(POINTS.to(device))
        there.square().sum().backward()
        assert torch.allclose(there.cpu(), expected, atol=1e-6)
        assert grid.planes.grad.any() and grid.planes.grad.device.type == device


@gpu
def test_a_real_gpu_computes_as_the_cpu(grid):
    expected = grid(POINTS)
    there = grid.to("cuda")(POINTS.to("cuda"))
    assert torch.allclose(there.cpu(), expected, atol=1e-5)


def test_codes_multiply_every_set_of_their_scale():
    code = torch.arange(2 * 16.0).reshape(1, 2, 16)
    spread = spread_over_sets(code)
    assert spread.shape == (1, 96)
    for s in range(2):
        for k in range(3):
            at = (s * 3 + k) * 16
            assert torch.equal(spread[0, at : at + 16], code[0, s])


def test_prototypes_distinguish_audio():
    prototypes = AudioPrototypes(torch.Generator().manual_seed(5))
    with torch.no_grad():
        f_a = prototypes(torch.randn(100, 64, generator=torch.Generator().manual_seed(6)))
    assert f_a.shape == (100, 4, 16)
    assert f_a.std(0).mean() > 0.1
