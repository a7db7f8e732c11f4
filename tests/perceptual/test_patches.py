import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from audioplane.perceptual import random_patches


def places(height: int, width: int) -> Tensor:
    """A picture whose pixels say where they are."""
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    return torch.stack([y, x, y * 0], -1).float()


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 50), st.integers(1, 5))
def test_patches_are_whole_squares_from_the_same_places(h, w, size, count) -> None:
    picture = places(h, w)
    cut, also = random_patches(picture, picture + 100, size, count, generator())
    side = min(size, h, w)
    assert cut.shape == (count, side, side, 3)
    assert torch.equal(cut + 100, also)
    corners = cut[:, :1, :1]
    assert torch.equal(cut - corners, places(side, side).expand(count, -1, -1, -1))


def test_the_generator_says_where() -> None:
    a, _ = random_patches(places(99, 80), places(99, 80), 16, 8, generator(3))
    b, _ = random_patches(places(99, 80), places(99, 80), 16, 8, generator(3))
    c, _ = random_patches(places(99, 80), places(99, 80), 16, 8, generator(4))
    assert torch.equal(a, b) and not torch.equal(a, c)


def test_every_place_is_reached() -> None:
    cut, _ = random_patches(places(5, 4), places(5, 4), 3, 300, generator())
    corners = {(int(y), int(x)) for y, x, _ in cut[:, 0, 0].tolist()}
    assert corners == {(y, x) for y in range(3) for x in range(2)}


def test_gradients_flow_back_to_where_patches_were_cut() -> None:
    picture = torch.zeros(9, 9, 3, requires_grad=True)
    cut, _ = random_patches(picture, torch.zeros(9, 9, 3), 4, 5, generator())
    cut.sum().backward()
    assert picture.grad is not None
    assert picture.grad.sum().item() == pytest.approx(5 * 4 * 4 * 3)
