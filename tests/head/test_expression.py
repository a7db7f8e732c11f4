import numpy as np
import torch

from audioplane.head import ExpressionCode


def code_of_three() -> ExpressionCode:
    torch.manual_seed(0)
    code = ExpressionCode(3, 6)
    rng = np.random.default_rng(1)
    rows = np.stack([rng.uniform(0, 1, 400), rng.uniform(-2, 2, 400), 0.01 * rng.normal(size=400)])
    rows[0, 0] = 50  # one frame that the tracker got wrong
    code.learn_range(rows.T, (0.1, 0.1, 0.1))
    return code


def test_the_range_is_the_trainings_and_a_little_more():
    rest, low, high = code_of_three().range
    np.testing.assert_allclose(rest[:2], [0.5, 0], atol=0.15)
    np.testing.assert_allclose(low[:2], [-0.25, -3], atol=0.1)
    np.testing.assert_allclose(high[:2], [1.25, 3], atol=0.1)


def test_beyond_the_range_nothing_changes():
    code = code_of_three()
    high = code.range.high
    assert torch.equal(code(high), code(high + torch.tensor([1.0, 5.0, 0.3])))
    assert not torch.allclose(code(high), code(high - 0.1))


def test_noise_of_the_tracker_is_not_magnified():
    code = code_of_three()
    assert code.scale[2] == 0.1 and abs(code.scale[0] - 0.5) < 0.05


def test_a_new_code_takes_blinks_as_they_are():
    code = ExpressionCode(2, 4)
    blink = torch.tensor([0.2, 0.9])
    assert torch.equal(code(blink), code.network(blink))
