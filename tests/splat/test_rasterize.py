"""Every backend answers to the float64 reference, values and gradients."""

import inspect

import numba
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from audioplane.splat import rasterize, reference
from tests.splat.scenes import HARD_CASES, hard_scene, intrinsics, random_scene

SIZE = (45, 37)


def render(rasterizer, scene, size=SIZE):
    return rasterizer(
        scene.means,
        scene.quats,
        scene.scales,
        scene.opacities,
        scene.features,
        scene.viewmat,
        intrinsics(size, scene.means.dtype),
        *size,
        scene.background,
    )


def compare(scene, size=SIZE):
    """Image and relative gradient errors of the fast rasterizer."""
    fast, exact = scene.as_type(torch.float32), scene.as_type(torch.float64)
    a, b = render(rasterize, fast, size), render(reference.rasterize, exact, size)
    generator = torch.Generator().manual_seed(1)
    weight = torch.rand(b.image.shape, generator=generator, dtype=torch.float64)
    weight_alpha = torch.rand(b.alpha.shape, generator=generator, dtype=torch.float64)
    # Pixels where a Gaussian's opacity is within rounding of 1/255, or transmittance of 1e-4, may
    # fall on either side of the cut; they are few and are left out of both gradients.
    settled = ((a.image.double() - b.image).abs().amax(-1) < 1e-4) & (
        (a.alpha.double() - b.alpha).abs() < 1e-4
    )
    weight, weight_alpha = weight * settled[..., None], weight_alpha * settled
    if not b.image.requires_grad:  # nothing to be seen
        return settled, {}
    ((a.image * weight).sum() + (a.alpha * weight_alpha).sum()).backward()
    ((b.image * weight).sum() + (b.alpha * weight_alpha).sum()).backward()
    errors = {}
    for name, tensor in exact.tensors().items():
        if tensor is None or tensor.grad is None:
            continue
        difference = (getattr(fast, name).grad.double() - tensor.grad).norm()
        errors[name] = float(difference / tensor.grad.norm().clamp_min(1e-6))
    return settled, errors


@settings(max_examples=200, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    n=st.sampled_from([0, 1, 2, 13, 60]),
    channels=st.integers(1, 8),
    background=st.sampled_from(["none", "constant", "pixel"]),
    size=st.sampled_from([(45, 37), (8, 8), (1, 1), (33, 16), (50, 3), (50, 1)]),
)
def test_matches_the_reference(seed, n, channels, background, size):
    scene = random_scene(seed, n, channels, background, size)
    settled, errors = compare(scene, size)
    assert (~settled).sum() <= max(1, settled.numel() // 500)
    assert all(error < 1e-3 for error in errors.values()), errors


@pytest.mark.parametrize("change", HARD_CASES)
def test_hard_cases(change):
    scene = hard_scene(change)
    settled, errors = compare(scene)
    assert (~settled).sum() <= 4
    # No gradient of a rotation that does not exist.
    errors.pop("quats" if change == "zero quaternion" else "", None)
    assert all(np.isfinite(list(errors.values())))
    assert all(error < 2e-3 for error in errors.values()), errors


def test_gradients_match_finite_differences():
    # Large, soft Gaussians: no pixel crosses the cut at 1/255 within the step.
    scene = random_scene(3, 5, spread=0.01)
    scene.scales[:] = 0.2
    scene.scales[:, 1] = 0.15
    scene.opacities[:] = 0.4
    fast = scene.as_type(torch.float32)
    weight = torch.rand(37, 45, 4, generator=torch.Generator().manual_seed(0))
    (render(rasterize, fast).image * weight).sum().backward()
    for name in ("means", "quats", "scales", "opacities", "features", "viewmat"):
        direction = torch.randn(
            getattr(scene, name).shape, generator=torch.Generator().manual_seed(5)
        ).double()
        if name == "viewmat":
            direction[3] = 0
        step = 1e-4 * direction / direction.norm()
        values = []
        for sign in (1, -1):
            moved = random_scene(3, 5, spread=0.01)
            moved.scales[:], moved.opacities[:] = scene.scales, scene.opacities
            setattr(moved, name, getattr(moved, name) + sign * step)
            values.append((render(reference.rasterize, moved).image * weight).sum())
        numeric = (values[0] - values[1]) / 2
        analytic = (getattr(fast, name).grad.double() * step).sum()
        assert torch.isclose(numeric, analytic, rtol=2e-3, atol=1e-8), name


def test_same_bits_whatever_the_threads():
    images, gradients = [], []
    before = numba.get_num_threads()
    try:
        for threads in {1, before}:
            numba.set_num_threads(threads)
            scene = random_scene(11, 500).as_type(torch.float32)
            splat = render(rasterize, scene)
            splat.image.sum().backward()
            images.append(splat.image)
            gradients.append(scene.viewmat.grad)
    finally:
        numba.set_num_threads(before)
    assert all(torch.equal(images[0], image) for image in images)
    assert all(torch.equal(gradients[0], gradient) for gradient in gradients)


@pytest.mark.parametrize("name", ["means", "quats", "scales", "opacities", "features", "viewmat"])
def test_a_nan_is_named(name):
    scene = random_scene(1, 10).as_type(torch.float32)
    with torch.no_grad():
        getattr(scene, name).view(-1)[0] = float("nan")
    with pytest.raises(ValueError, match=name):
        render(rasterize, scene)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("means", lambda x: x[:, :2]),
        ("quats", lambda x: x[:5]),
        ("scales", lambda x: x[:, :1]),
        ("opacities", lambda x: x[:5]),
        ("features", lambda x: x[:, 0]),
        ("viewmat", lambda x: x[:3]),
        ("K", lambda x: x[:2]),
        ("background", lambda x: x[:20, :20]),
        ("background", lambda x: x[0, 0, :2]),
        ("background", lambda x: x[:1]),
    ],
)
def test_an_input_of_another_shape_is_named(name, change):
    scene = random_scene(1, 10).as_type(torch.float32)
    inputs = scene.tensors() | {"K": intrinsics(SIZE, torch.float32)}
    bare = inspect.unwrap(rasterize)  # tests check annotations, programs do not
    bare(**inputs, width=SIZE[0], height=SIZE[1])
    with pytest.raises(ValueError, match=f"rasterize: {name} has shape"):
        bare(**inputs | {name: change(inputs[name])}, width=SIZE[0], height=SIZE[1])


def test_what_was_changed_in_place_before_the_gradient_is_refused():
    for name in ("means", "quats", "scales", "viewmat", "image"):
        scene = random_scene(1, 10).as_type(torch.float32)
        image = render(rasterize, scene).image
        loss = image.sum()
        with torch.no_grad():
            (image if name == "image" else getattr(scene, name)).mul_(2)
        with pytest.raises(RuntimeError, match="modified by an inplace operation"):
            loss.backward()


def test_means2d_keep_their_gradient():
    scene = random_scene(2, 20).as_type(torch.float32)
    splat = render(rasterize, scene)
    splat.means2d.retain_grad()
    splat.image.sum().backward()
    assert splat.means2d.grad is not None
    assert (splat.means2d.grad[~splat.visible] == 0).all()
    assert (splat.means2d.grad[splat.visible] != 0).any()


def test_covariance_is_eq_1():
    scene = random_scene(4, 6)
    R, S = reference.quat_to_rotation(scene.quats), torch.diag_embed(scene.scales)
    sigma = reference.covariance(scene.quats, scene.scales)
    expected = R @ S @ S.transpose(1, 2) @ R.transpose(1, 2)
    assert torch.allclose(sigma, expected)
    assert torch.allclose(R @ R.transpose(1, 2), torch.eye(3, dtype=R.dtype).expand_as(R))


@pytest.mark.parametrize("seed", range(40))
def test_the_wildest_numbers_never_make_a_nan(seed):
    generator = torch.Generator().manual_seed(seed)
    scene = random_scene(seed, 20).as_type(torch.float32)
    with torch.no_grad():
        for name in ("means", "quats", "scales", "features"):
            tensor = getattr(scene, name)
            wild = 10 ** (76 * torch.rand(tensor.shape, generator=generator) - 38)
            if name != "scales":
                wild *= torch.randn(tensor.shape, generator=generator).sign()
            chosen = torch.rand(tensor.shape, generator=generator) < 0.15
            tensor[chosen] = wild.clamp(-3e38, 3e38)[chosen]
    splat = render(rasterize, scene)
    (1e-30 * splat.image).sum().backward()
    for name in ("image", "alpha", "means2d", "radii"):
        assert not getattr(splat, name).isnan().any(), name
    for name, tensor in scene.tensors().items():
        assert tensor is None or tensor.grad is None or not tensor.grad.isnan().any(), name
