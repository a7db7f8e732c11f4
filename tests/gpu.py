"""Support of GPU tests: a mark for those that need one, and a stand-in for the others.

The stand-in's tensors lie on the device "meta", hold a tensor of the CPU and refuse to meet others
in an operation, as a GPU's do. So it shows what was made on the wrong device, and its numbers are
those of the code that a GPU runs.
"""

import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

from audioplane.splat import Splat, cpu
from audioplane.train.threads import one_torch_thread

STAND_IN = "meta"


def gpu(test):
    """Runs on a CUDA device with gsplat, which warns while it compiles its kernels."""
    ready = torch.cuda.is_available() and importlib.util.find_spec("gsplat") is not None
    for mark in (
        pytest.mark.gpu,
        pytest.mark.timeout(1800),
        pytest.mark.filterwarnings("ignore"),
        pytest.mark.skipif(not ready, reason="needs a CUDA device and the extra cuda"),
    ):
        test = mark(test)
    return test


class _Elsewhere(Tensor):
    """A tensor of the stand-in; `held` has its numbers."""

    held: Tensor

    @staticmethod
    def __new__(cls, held):
        size, strides, dtype = held.size(), held.stride(), held.dtype
        tensor = torch.Tensor._make_wrapper_subclass(
            cls, size, strides, held.storage_offset(), dtype=dtype, device=STAND_IN
        )
        tensor.held = held
        return tensor

    def __repr__(self):
        return f"_Elsewhere({self.held})"

    def new_tensor(self, data):
        # PyTorch's own makes an empty one on "meta" without a word to the mode.
        return torch.tensor(data, dtype=self.dtype).to(STAND_IN)

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        return _run(func, args, kwargs or {})


def _run(func, args, kwargs):
    copies = func is torch.ops.aten.copy_.default
    tensors = [x for x in tree_leaves((args, kwargs)) if isinstance(x, Tensor)]
    elsewhere = {id(x.held): x for x in tensors if isinstance(x, _Elsewhere)}
    here = [x for x in tensors if not isinstance(x, _Elsewhere) and x.dim() > 0]
    assert copies or not (elsewhere and here), f"{func}: tensors on two devices"
    goes = isinstance(args[0], _Elsewhere) if copies else bool(elsewhere)
    if kwargs.get("device") is not None:
        goes = torch.device(kwargs["device"]).type == STAND_IN
        kwargs = kwargs | {"device": "cpu"}

    def leave(x):
        return x.held if isinstance(x, _Elsewhere) else x

    def enter(x):
        known = elsewhere.get(id(x))
        return known if known is not None else _Elsewhere(x) if isinstance(x, Tensor) else x

    result = func(*tree_map(leave, args), **tree_map(leave, kwargs))
    return tree_map(enter, result) if goes else result


class _Mode(TorchDispatchMode):
    """Intercepts functions that make tensors or move them between devices."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        return _run(func, args, kwargs or {})


def _rasterize(*inputs) -> Splat:
    """The CPU's, with the projected means on the stand-in on their way to the image."""
    means, quats, scales, opacities, features, viewmat, K, width, height, background = (
        x.cpu() if isinstance(x, Tensor) else x for x in inputs
    )
    size = (width, height)
    means2d, conics, depths, extents = cpu._Project.apply(
        means, quats, scales, viewmat, opacities, K, size
    )
    means2d = means2d.to(STAND_IN)
    image, alpha = cpu._Blend.apply(
        means2d.cpu(), conics, opacities, features, background, depths, extents, size
    )
    radii = extents.amax(-1).to(STAND_IN)
    return Splat(image.to(STAND_IN), alpha.to(STAND_IN), means2d, radii, radii > 0)


@contextmanager
def stand_in() -> Iterator[str]:
    """A stand-in for a GPU; gives the name of its device."""
    future = torch.__future__
    overwrites = future.get_overwrite_module_params_on_conversion()
    door, adam = (import_module(n) for n in ("audioplane.splat.rasterize", "torch.optim.adam"))
    with pytest.MonkeyPatch.context() as patch, one_torch_thread(), _Mode():
        patch.setitem(door._BACKENDS, STAND_IN, _rasterize)
        patch.setattr(adam, "_device_dtype_check_for_fused", lambda *_, **__: None)
        # Otherwise `Module.to` keeps the old tensors with new memory, which has no `held`.
        future.set_overwrite_module_params_on_conversion(True)
        try:
            yield STAND_IN
        finally:
            future.set_overwrite_module_params_on_conversion(overwrites)
