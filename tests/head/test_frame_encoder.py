"""Codes of one frame against PyTorch's of many."""

import pytest
import torch

from audioplane.head import Head, HeadShape
from audioplane.head.frame_encoder import FrameEncoder


def make_head(**shape) -> Head:
    head = Head(HeadShape(**shape), torch.Generator().manual_seed(7))
    head.encoder.calibrate(torch.randn(50, 16, head.shape.feature_dim))
    return head


@pytest.mark.parametrize(("features", "steps"), [(143, 16), (6, 16), (32, 8), (29, 1)])
def test_a_frame_has_the_vector_that_pytorch_gives_it(features: int, steps: int) -> None:
    head = make_head(feature_dim=features)
    frames = FrameEncoder(head)
    for run in torch.randn(3, 8, steps, features):
        with torch.no_grad():
            expected = head.encoder.raw_runs(run[None]).numpy()
        assert abs(frames.raw(run.numpy()) - expected).max() < 1e-6


def test_features_of_another_size_are_refused() -> None:
    """The kernel checks no bounds."""
    frames = FrameEncoder(make_head(feature_dim=6))
    with pytest.raises(ValueError, match="features of"):
        frames.raw(torch.randn(8, 16, 80).numpy())


def test_windows_may_be_longer_than_the_first() -> None:
    head = make_head(feature_dim=6)
    frames = FrameEncoder(head)
    for steps in (2, 16):
        run = torch.randn(8, steps, 6)
        with torch.no_grad():
            expected = head.encoder.raw_runs(run[None]).numpy()
        assert abs(frames.raw(run.numpy()) - expected).max() < 1e-6


@pytest.mark.parametrize(
    "shape",
    [
        {},
        {"fusion": "add"},
        {"attention": "mlp"},
        {"encoder": "concat"},
        {"scales": (1, 2), "cell_features": 8},
    ],
)
def test_codes_are_those_of_pytorch_and_follow_the_voice(shape: dict) -> None:
    head = make_head(feature_dim=6, **shape)
    frames = FrameEncoder(head)
    norms = [head.encoder.running_norm() for _ in range(2)]
    with torch.no_grad():
        for i, run in enumerate(2 * torch.randn(40, 8, 16, 6)):
            code = frames.code(run.numpy(), norms[0], i > 5, 1.5)
            expected = head.excerpt_codes(run, norms[1], i > 5, 1.5)
            torch.testing.assert_close(code, expected, atol=1e-4, rtol=1e-4)


def test_later_changes_of_the_weights_have_no_effect() -> None:
    head, run = make_head(feature_dim=6), torch.randn(8, 16, 6)
    frames = FrameEncoder(head)
    before = frames.raw(run.numpy())
    with torch.no_grad():
        for weight in head.parameters():
            weight.zero_()
    assert (frames.raw(run.numpy()) == before).all()
    assert (FrameEncoder(head).raw(run.numpy()) == 0).all()
