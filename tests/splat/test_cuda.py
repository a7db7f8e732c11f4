# ruff: noqa: PLR0913 (the stand-in has gsplat's signatures)
"""The GPU's adapter: against a stand-in for gsplat on any machine, against gsplat on a GPU.

The stand-in keeps to what gsplat 1.5.3's source says: signatures, shapes, types, what its kernels
leave unwritten, what they cannot take.
"""

import inspect
import math
import sys
from dataclasses import replace
from types import ModuleType

import pytest
import torch

from audioplane.errors import AudioplaneError, DeviceError
from audioplane.splat import cuda, rasterize, reference
from audioplane.splat.constants import ALPHA_MAX, ALPHA_MIN, EPS2D, NEAR, TRANSMITTANCE_MIN
from tests.gpu import gpu
from tests.splat.scenes import HARD_CASES, hard_scene, intrinsics, random_scene
from tests.splat.test_rasterize import SIZE, render


def fully_fused_projection(
    means,
    covars,
    quats,
    scales,
    viewmats,
    Ks,
    width,
    height,
    eps2d=0.3,
    near_plane=0.01,
    far_plane=1e10,
    radius_clip=0.0,
    packed=False,
    sparse_grad=False,
    calc_compensations=False,
    camera_model="pinhole",
    opacities=None,
):
    n = len(means)
    assert n > 0, "the launcher divides by n"
    shapes = {"means": (n, 3), "quats": (n, 4), "scales": (n, 3), "opacities": (n,)}
    shapes |= {"viewmats": (1, 4, 4), "Ks": (1, 3, 3)}
    for name, shape in shapes.items():
        assert locals()[name].shape == shape and locals()[name].dtype == torch.float32, name
    assert (eps2d, near_plane, radius_clip) == (EPS2D, NEAR, 0.0) and far_plane >= 1e10
    assert covars is None and camera_model == "pinhole"
    assert not (packed or sparse_grad or calc_compensations)
    assert (quats.norm(dim=-1) > 0).all(), "the kernel divides by the length"

    means2d, cov2d, z = reference.project(means, quats, scales, viewmats[0], Ks[0], width, height)
    extend = (2 * torch.log(opacities.detach() / ALPHA_MIN)).sqrt().clamp_max(3.33)
    variances = cov2d.detach().diagonal(dim1=1, dim2=2)
    radii = torch.ceil(extend[:, None] * variances.sqrt())
    inside = (means2d + radii > 0) & (means2d - radii < torch.tensor([width, height]))
    depth = means @ viewmats[0, 2, :3] + viewmats[0, 2, 3]
    drawn = (depth >= near_plane) & (opacities >= ALPHA_MIN) & inside.all(-1)
    conics = torch.linalg.inv(cov2d)[:, [0, 0, 1], [0, 1, 1]]
    unwritten = torch.tensor(math.nan)
    return (
        torch.where(drawn[:, None], radii, 0).int()[None],
        torch.where(drawn[:, None], means2d, unwritten)[None],
        torch.where(drawn, z, unwritten)[None],
        torch.where(drawn[:, None], conics, unwritten)[None],
        None,
    )


@torch.no_grad()
def isect_tiles(
    means2d,
    radii,
    depths,
    tile_size,
    tile_width,
    tile_height,
    sort=True,
    segmented=False,
    packed=False,
    n_images=None,
    image_ids=None,
    gaussian_ids=None,
):
    n = means2d.shape[1]
    assert means2d.shape == radii.shape == (1, n, 2) and depths.shape == (1, n)
    assert radii.dtype == torch.int32 and sort and not packed
    pairs = []
    for i in torch.nonzero((radii[0] > 0).all(-1))[:, 0].tolist():
        low = (means2d[0, i] - radii[0, i]) / tile_size
        high = (means2d[0, i] + radii[0, i]) / tile_size
        columns = range(max(0, math.floor(low[0])), min(tile_width, math.ceil(high[0])))
        rows = range(max(0, math.floor(low[1])), min(tile_height, math.ceil(high[1])))
        depth = int(depths[0, i].view(torch.int32))
        pairs += [((y * tile_width + x) << 32 | depth, i) for y in rows for x in columns]
    pairs.sort()
    ids = torch.tensor([key for key, _ in pairs], dtype=torch.int64)
    return None, ids, torch.tensor([i for _, i in pairs], dtype=torch.int32)


@torch.no_grad()
def isect_offset_encode(isect_ids, n_images, tile_width, tile_height):
    assert n_images == 1
    tiles = torch.arange(tile_width * tile_height)
    return torch.searchsorted(isect_ids >> 32, tiles).int().view(1, tile_height, tile_width)


def rasterize_to_pixels(
    means2d,
    conics,
    colors,
    opacities,
    image_width,
    image_height,
    tile_size,
    isect_offsets,
    flatten_ids,
    backgrounds=None,
    masks=None,
    packed=False,
    absgrad=False,
):
    n, channels = colors.shape[1:]
    shapes = {"means2d": (1, n, 2), "conics": (1, n, 3), "opacities": (1, n)}
    for name, shape in shapes.items():
        assert locals()[name].shape == shape and locals()[name].dtype == torch.float32, name
    assert colors.dtype == torch.float32 and 1 <= channels <= 513
    assert backgrounds is None and masks is None and not packed
    rows, columns = isect_offsets.shape[1:]
    assert rows * tile_size >= image_height and columns * tile_size >= image_width
    starts = [*isect_offsets.flatten().tolist(), len(flatten_ids)]
    image = torch.zeros(1, image_height, image_width, channels)
    T = torch.ones(1, image_height, image_width, 1)
    for tile in range(rows * columns):
        top, left = tile // columns * tile_size, tile % columns * tile_size
        window = (0, slice(top, top + tile_size), slice(left, left + tile_size))
        ys = torch.arange(top, min(top + tile_size, image_height))[:, None] + 0.5
        xs = torch.arange(left, min(left + tile_size, image_width)) + 0.5
        t, out = T[window].clone(), image[window].clone()
        alive = torch.ones_like(t, dtype=torch.bool)
        for i in flatten_ids[starts[tile] : starts[tile + 1]].tolist():
            dx, dy = means2d[0, i, 0] - xs, means2d[0, i, 1] - ys
            a, b, c = conics[0, i]
            sigma = 0.5 * (a * dx**2 + c * dy**2) + b * dx * dy
            alpha = (opacities[0, i] * torch.exp(-sigma)).clamp_max(ALPHA_MAX)[..., None]
            alpha = torch.where((alpha >= ALPHA_MIN) & alive, alpha, 0.0)
            alive = alive & (t * (1 - alpha) > TRANSMITTANCE_MIN)
            out = out + torch.where(alive, alpha * t, 0.0) * colors[0, i]
            t = torch.where(alive, t * (1 - alpha), t)
        image[window], T[window] = out, t
    return image, 1 - T


STAND_INS = (fully_fused_projection, isect_tiles, isect_offset_encode, rasterize_to_pixels)


@pytest.fixture
def gsplat(monkeypatch):
    """A stand-in for gsplat that draws on the CPU."""
    module, package, backend = (ModuleType(n) for n in ("gsplat", "cuda", "_backend"))
    for function in STAND_INS:
        setattr(module, function.__name__, function)
    backend._C = object()
    for name, part in zip(("", ".cuda", ".cuda._backend"), (module, package, backend), strict=True):
        monkeypatch.setitem(sys.modules, f"gsplat{name}", part)
    return module


def compare(rasterizer, oracle, scene, dtype, bound, size=SIZE):
    """Pixels further apart than `bound`, and the gradients' relative errors over all others."""
    pair = scene.as_type(torch.float32), scene.as_type(dtype)
    a, b = render(rasterizer, pair[0], size), render(oracle, pair[1], size)
    assert a.image.shape == (size[1], size[0], scene.features.shape[1])
    assert a.alpha.shape == (size[1], size[0])
    assert all(x.dtype == torch.float32 for x in (a.image, a.alpha, a.means2d, a.radii))
    # On either side of a cut at 1/255 or 1e-4: see test_rasterize.
    far = (a.image - b.image).abs().amax(-1).maximum((a.alpha - b.alpha).abs()) > bound
    generator = torch.Generator().manual_seed(1)
    weight = torch.rand(b.image.shape, generator=generator) * ~far[..., None]
    weight_alpha = torch.rand(b.alpha.shape, generator=generator) * ~far
    errors = {}
    if b.image.requires_grad:
        for splat in (a, b):
            splat.means2d.retain_grad()
            ((splat.image * weight).sum() + (splat.alpha * weight_alpha).sum()).backward()
        tensors = [x.tensors() | {"means2d": s.means2d} for x, s in zip(pair, (a, b), strict=True)]
        for name, exact in tensors[1].items():
            if exact is not None and exact.grad is not None:
                difference = (tensors[0][name].grad.double().cpu() - exact.grad).norm()
                errors[name] = float(difference / exact.grad.norm().clamp_min(1e-6))
    return int(far.sum()), errors


CASES = [
    (13, "pixel", 4, (45, 37)),
    (40, "constant", 7, (33, 16)),
    (40, "none", 1, (50, 3)),
    (1, "pixel", 3, (8, 8)),
    (2, "constant", 2, (1, 1)),
]


@pytest.mark.parametrize("n, background, channels, size", CASES)
def test_matches_the_reference(gsplat, n, background, channels, size):
    scene = random_scene(n, n, channels, background, size)
    far, errors = compare(cuda.rasterize, reference.rasterize, scene, torch.float64, 1e-4, size)
    assert far <= 1
    assert all(error < 1e-3 for error in errors.values()), errors


@pytest.mark.parametrize("change", HARD_CASES)
def test_hard_cases(gsplat, change):
    scene = hard_scene(change)
    far, errors = compare(cuda.rasterize, reference.rasterize, scene, torch.float64, 1e-4)
    assert far <= 4
    errors.pop("quats" if change == "zero quaternion" else "", None)
    assert all(error < 2e-3 for error in errors.values()), errors


def test_what_is_not_drawn_is_zero_and_what_is_has_whole_radii(gsplat):
    scene = random_scene(2, 40).as_type(torch.float32)
    splat, exact = render(cuda.rasterize, scene), render(reference.rasterize, random_scene(2, 40))
    assert not splat.visible.all() and (splat.visible | ~exact.visible).all()
    assert (splat.means2d[~splat.visible] == 0).all() and (splat.radii[~splat.visible] == 0).all()
    seen = exact.visible
    assert torch.allclose(splat.means2d[seen], exact.means2d[seen].float(), atol=1e-3)
    assert (splat.radii[seen] - exact.radii[seen] > -1e-3).all()
    assert (splat.radii[seen] - exact.radii[seen] < 1 + 1e-3).all()


def test_other_floats_become_float32(gsplat):
    scene = random_scene(3, 5).as_type(torch.float64)
    splat = render(cuda.rasterize, scene)
    splat.image.sum().backward()
    assert splat.image.dtype == torch.float32
    assert scene.means.grad.dtype == scene.background.grad.dtype == torch.float64


@pytest.mark.parametrize("background", ["pixel", "constant", "none"])
def test_no_gaussians_need_no_gsplat(monkeypatch, background):
    monkeypatch.setitem(sys.modules, "gsplat", None)
    scene = random_scene(1, 0, background=background).as_type(torch.float32)
    splat = render(cuda.rasterize, scene)
    expected = torch.zeros(37, 45, 4) if scene.background is None else scene.background
    assert torch.equal(splat.image, expected.expand(37, 45, 4))
    assert splat.alpha.shape == (37, 45) and not splat.alpha.any()
    assert splat.means2d.shape == (0, 2) and splat.radii.shape == splat.visible.shape == (0,)
    splat.means2d.retain_grad()
    splat.image.sum().backward()
    if scene.background is not None:
        assert (scene.background.grad > 0).all()


def test_a_missing_gsplat_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "gsplat", None)
    with pytest.raises(DeviceError, match=r'pip install "audioplane\[cuda\]"') as caught:
        render(cuda.rasterize, random_scene(1, 2))
    assert isinstance(caught.value, AudioplaneError)


def test_a_gsplat_without_kernels_asks_for_nvcc(gsplat):
    sys.modules["gsplat.cuda._backend"]._C = None
    with pytest.raises(DeviceError, match="no CUDA toolkit found.*nvcc"):
        render(cuda.rasterize, random_scene(1, 2))


def test_a_failed_build_is_one_line(gsplat):
    def fail(name):
        raise RuntimeError("Error building extension 'gsplat_cuda'\nninja: stopped")

    del sys.modules["gsplat.cuda._backend"]._C
    sys.modules["gsplat.cuda._backend"].__getattr__ = fail
    with pytest.raises(DeviceError, match="gsplat_cuda'.*nvcc") as caught:
        render(cuda.rasterize, random_scene(1, 2))
    assert "\n" not in str(caught.value)


TENSORS = ["quats", "scales", "opacities", "features", "viewmat", "background"]


@pytest.mark.parametrize("name", TENSORS)
def test_a_stray_device_is_named(name):
    scene = random_scene(1, 3)
    setattr(scene, name, getattr(scene, name).to("meta"))
    with pytest.raises(ValueError, match=f"{name} is on meta, means on cpu"):
        render(rasterize, scene)


def test_a_device_without_a_rasterizer_is_refused():
    scene = random_scene(1, 3)
    inputs = [x.to("meta") for x in list(scene.tensors().values())[:6]]
    K = intrinsics(SIZE, torch.float64).to("meta")
    with pytest.raises(ValueError, match="on meta, it works on cpu and cuda"):
        rasterize(*inputs, K, *SIZE)


def test_the_stand_in_has_gsplats_signatures():
    real = pytest.importorskip("gsplat", reason="the extra cuda is not installed")
    for function in STAND_INS:
        theirs, ours = (
            [(p.name, p.default) for p in inspect.signature(f).parameters.values()]
            for f in (getattr(real, function.__name__), function)
        )
        assert ours == theirs, function.__name__


def rasterize_on_gpu(*inputs):
    """Takes tensors of the CPU; image and alpha come back to it."""
    splat = rasterize(*(x.to("cuda") if isinstance(x, torch.Tensor) else x for x in inputs))
    assert splat.image.device.type == splat.means2d.device.type == "cuda"
    return replace(splat, image=splat.image.cpu(), alpha=splat.alpha.cpu())


@gpu
@pytest.mark.parametrize("n, background, channels, size", CASES)
def test_gpu_matches_the_cpu(n, background, channels, size):
    scene = random_scene(n, n, channels, background, size)
    far, errors = compare(rasterize_on_gpu, rasterize, scene, torch.float32, 2e-3, size)
    assert far <= 1
    assert all(error < 1e-2 for error in errors.values()), errors


@gpu
@pytest.mark.parametrize("change", HARD_CASES)
def test_gpu_draws_hard_cases_as_the_cpu(change):
    far, errors = compare(rasterize_on_gpu, rasterize, hard_scene(change), torch.float32, 2e-3)
    assert far <= 4
    errors.pop("quats" if change == "zero quaternion" else "", None)
    assert all(error < 1e-2 for error in errors.values()), errors


@gpu
def test_gpu_draws_a_crowd_as_the_cpu():
    size = (211, 160)
    scene = random_scene(5, 3000, size=size, spread=0.1)
    far, errors = compare(rasterize_on_gpu, rasterize, scene, torch.float32, 2e-3, size)
    assert far <= size[0] * size[1] // 500
    assert all(error < 1e-2 for error in errors.values()), errors


@gpu
def test_gpu_sees_what_the_cpu_sees():
    scene = random_scene(2, 40).as_type(torch.float32)
    splat, exact = render(rasterize_on_gpu, scene), render(rasterize, scene)
    seen = exact.visible
    assert splat.visible.cpu()[seen].all()
    assert torch.allclose(splat.means2d.cpu()[seen], exact.means2d[seen], atol=1e-2)
    grown = splat.radii.cpu()[seen] - exact.radii[seen]
    assert (grown > -1e-2).all() and (grown < 1.01).all()


@gpu
def test_gpu_draws_no_gaussians():
    scene = random_scene(1, 0).as_type(torch.float32)
    assert torch.equal(render(rasterize_on_gpu, scene).image, scene.background)


@gpu
def test_gpu_names_a_nan():
    scene = random_scene(1, 10)
    scene.scales[3, 1] = math.nan
    with pytest.raises(ValueError, match="scales"):
        render(rasterize_on_gpu, scene)
