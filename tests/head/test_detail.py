import numpy as np
import pytest
import torch

from audioplane.head import DetailMap, View, detail_kernels
from audioplane.head.detail import mesh_size

WIDTH, HEIGHT = 60, 45


def view(x=0.0, y=0.0):
    viewmat = torch.eye(4)
    viewmat[:3, 3] = torch.tensor([x, y, 0.6])
    K = torch.tensor([[100.0, 0, 30], [0, 100, 22], [0, 0, 1]])
    return View(viewmat, K, WIDTH, HEIGHT)


def flat_head():
    """Gaussians of one plane, a pixel apart, and a map that each vertex's nearest four carry."""
    generator = torch.Generator().manual_seed(3)
    y, x = torch.meshgrid(torch.arange(HEIGHT + 8), torch.arange(WIDTH + 8), indexing="ij")
    pixels = torch.stack([x, y], -1).reshape(-1, 2).float()
    means = torch.cat([(pixels - torch.tensor([30, 22])) * 0.006, torch.zeros(len(pixels), 1)], 1)
    rows, columns = mesh_size(HEIGHT, WIDTH)
    y, x = torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij")
    vertices = detail_kernels.STEP * torch.stack([x, y], -1).float()
    carriers = torch.cdist(vertices.view(-1, 2), pixels).topk(4, largest=False).indices
    weights = torch.rand(len(carriers), 4, generator=generator) + 0.1
    weights = weights / weights.sum(1, keepdim=True)
    origins = (weights[..., None] * pixels[carriers]).sum(1)
    texture = torch.randint(-100, 100, (HEIGHT, WIDTH), generator=generator, dtype=torch.int8)
    grid = (rows, columns, -1)
    detail = DetailMap(
        texture, carriers.int().view(grid), weights.view(grid), origins.view(grid).contiguous()
    )
    return means, detail


def added(detail, means, seen, transmittance=0.0):
    image = np.zeros((4, HEIGHT, 64), np.float32)
    clear = np.full((HEIGHT, 64), transmittance, np.float32)
    arrays = means.numpy(), seen.viewmat.numpy(), seen.K.numpy()
    detail_kernels.add_detail(detail.arrays(), *arrays, image, clear)
    return image


def test_in_the_reference_frame_the_texture_is_added_where_it_is():
    means, detail = flat_head()
    image = added(detail, means, view(), transmittance=0.25)
    expected = 0.75 * detail.texture.numpy() * detail_kernels.LEVEL / 255
    for plane in image[:3]:
        assert np.abs(plane[:, :WIDTH] - expected).max() < 1e-4
    assert not image[3].any() and not image[:, :, WIDTH:].any()


def test_it_moves_with_the_gaussians():
    means, detail = flat_head()
    moved = added(detail, means, view(x=3 * 0.006, y=-2 * 0.006))[0, :, :WIDTH]
    still = added(detail, means, view())[0, :, :WIDTH]
    assert np.abs(moved[:-2, 3:] - still[2:, :-3]).max() < 1e-4


def test_kernel_and_tensors_agree_where_the_mesh_bends():
    means, detail = flat_head()
    generator = torch.Generator().manual_seed(4)
    bent = means + 0.004 * torch.sin(40 * means[:, [1, 0, 0]])
    bent = bent + 0.0005 * torch.randn(bent.shape, generator=generator)
    seen = view(x=0.004)
    image = added(detail, bent, seen)[0, :, :WIDTH]
    expected = detail.shading(bent, seen).numpy()
    assert np.abs(expected).max() > 0.05
    assert np.abs(image - expected).max() < 1e-4


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("carriers", lambda x: x + 10_000, "does not have"),
        ("carriers", lambda x: x[:-1], "mesh is not"),
        ("texture", lambda x: x.float(), "other types"),
        ("weights", lambda x: x[..., :-1], "do not fit"),
        ("origins", lambda x: x[:-1], "do not fit"),
    ],
)
def test_a_map_of_another_head_is_refused(name, change, words):
    means, detail = flat_head()
    tensors = detail.tensors()
    assert DetailMap.of(tensors, len(means)).texture is detail.texture
    with pytest.raises(ValueError, match=words):
        DetailMap.of(tensors | {name: change(tensors[name])}, len(means))
