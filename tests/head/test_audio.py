import torch

from audioplane.head.audio import AudioAttNet, AudioEncoder, AudioNet, Convolution, with_context


def test_convolution_is_conv1d():
    torch.manual_seed(0)
    x = torch.randn(3, 5, 9)
    for stride in (1, 2):
        convolution = Convolution(5, 7, stride)
        expected = torch.nn.functional.conv1d(
            x, convolution.weight, convolution.bias, stride=stride, padding=1
        )
        assert torch.allclose(convolution(x), expected, atol=1e-6)


def test_audio_net_shape_and_size_of_window():
    net = AudioNet(29)
    for window in (16, 8, 2):
        assert net(torch.randn(4, window, 29)).shape == (4, 64)


def test_attention_is_a_weighted_mean_of_the_neighbours():
    torch.manual_seed(1)
    frames = torch.randn(2, 64, 8)
    out = AudioAttNet()(frames)
    assert (out <= frames.amax(-1) + 1e-6).all() and (out >= frames.amin(-1) - 1e-6).all()


def test_vectors_have_zero_mean_and_unit_variance_after_calibration():
    torch.manual_seed(2)
    encoder = AudioEncoder(6)
    windows = torch.randn(200, 16, 6)
    encoder.calibrate(windows)
    a = encoder(windows)
    assert a.shape == (200, 64)
    assert torch.allclose(a.mean(0), torch.zeros(64), atol=1e-4)
    alive = encoder.std > 1e-3
    assert torch.allclose(a.std(0)[alive], torch.ones(int(alive.sum())), atol=0.15)


def test_runs_and_whole_speech_agree():
    torch.manual_seed(3)
    encoder = AudioEncoder(6)
    windows = torch.randn(40, 16, 6)
    encoder.calibrate(windows)
    batch = encoder.normalised_batch(with_context(windows, 0, 40)[None])
    assert torch.allclose(batch, encoder(windows), atol=1e-4)


def test_a_frame_hears_only_its_neighbours():
    torch.manual_seed(4)
    encoder = AudioEncoder(6)
    windows = torch.randn(30, 16, 6)
    changed = windows.clone()
    changed[20] += 1
    moved = (encoder(windows) - encoder(changed)).abs().amax(-1) > 1e-7
    # a[t] looks at t−4 … t+3.
    assert torch.nonzero(moved)[:, 0].tolist() == list(range(17, 25))
