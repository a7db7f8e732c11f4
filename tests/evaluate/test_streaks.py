from dataclasses import replace

import numpy as np
import pytest
import torch

from audioplane.drive import Animator
from audioplane.evaluate.streaks import measure_streaks, streak_pixels
from audioplane.run import SubjectFootage
from audioplane.subject import Subject
from audioplane.train import Trainer
from tests.train.configs import TINY


def disc(size: int = 128, radius: float = 30.0) -> np.ndarray:
    y, x = np.mgrid[:size, :size] - size / 2
    return (x**2 + y**2 < radius**2).astype(np.float32)


def test_a_smooth_outline_has_none():
    assert streak_pixels(disc()) <= 8
    assert streak_pixels(np.zeros((64, 64), np.float32)) == 0


@pytest.mark.parametrize("coverage", [1.0, 0.5])
def test_a_needle_is_counted_where_it_sticks_out(coverage):
    clean = disc()
    needle = clean.copy()
    needle[64, 94:124] = coverage
    assert streak_pixels(needle) - streak_pixels(clean) == pytest.approx(30, abs=3)
    needle[64, 94:124] = 0.2
    assert streak_pixels(needle) == streak_pixels(clean)


def test_the_width_of_a_streak_grows_with_the_image():
    bar = np.zeros((512, 512), np.float32)
    bar[250:254] = 1
    assert streak_pixels(bar) == 4 * 512
    assert streak_pixels(bar[::4, ::4].copy()) == 128
    bar[246:256] = 1
    assert streak_pixels(bar) == 0


def animator_of(head, subject: Subject) -> Animator:
    return Animator(head, SubjectFootage.of(subject, [r.img_id for r in subject.train[:9]]), {})


def test_needles_towards_the_camera_show_when_the_head_turns(spoken_subject):
    """A ball with rods along the line of sight: nothing sticks out but where it is turned."""
    trainer = Trainer(spoken_subject, TINY)
    trainer.frames.close()
    head = trainer.head.requires_grad_(False)
    n, generator = len(head.gaussians), torch.Generator().manual_seed(0)
    ball = torch.nn.functional.normalize(torch.randn(n, 3, generator=generator), dim=1) * 0.06
    quats = torch.tensor([1.0, 0, 0, 0]).repeat(n, 1)
    round_ = replace(
        head.gaussians,
        means=ball,
        quats=quats,
        log_scales=torch.full((n, 3), np.log(0.012)),
        logits=torch.full((n,), 4.0),
    )
    head.gaussians = round_
    codes = torch.zeros_like(
        animator_of(head, spoken_subject).codes(spoken_subject.features("mel"))
    )
    smooth = measure_streaks(animator_of(head, spoken_subject), codes)
    scales, means = round_.log_scales.clone(), ball.clone()
    scales[:6] = torch.tensor([0.002, 0.002, 0.1]).log()
    around = torch.arange(6) * torch.pi / 3
    means[:6] = 0.08 * torch.stack([around.cos(), around.sin(), torch.zeros(6)], 1)
    head.gaussians = replace(round_, means=means, log_scales=scales)
    spiked = measure_streaks(animator_of(head, spoken_subject), codes)
    assert spiked.turned > smooth.turned + 5
    assert spiked.turned > spiked.recorded + 5
