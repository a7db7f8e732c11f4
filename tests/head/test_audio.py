import torch

from audioplane.head.audio import (
    LEARNT,
    AudioAttNet,
    AudioEncoder,
    AudioNet,
    Convolution,
    RunningNorm,
)


def with_context(windows, start, stop):
    """Windows of frames start…stop with 4 before and 3 after; past the ends the last one again."""
    rows = torch.arange(start - 4, stop + 3)
    return windows[rows.clamp(0, len(windows) - 1)]


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


def test_a_frame_depends_on_its_neighbours_only():
    torch.manual_seed(4)
    encoder = AudioEncoder(6)
    windows = torch.randn(30, 16, 6)
    changed = windows.clone()
    changed[20] += 1
    moved = (encoder(windows) - encoder(changed)).abs().amax(-1) > 1e-7
    # a[t] looks at t−4 … t+3.
    assert torch.nonzero(moved)[:, 0].tolist() == list(range(17, 25))


def vectors(n: int, mean: float, std: float, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return mean + std * torch.randn(n, 64, generator=generator)


def training_voice() -> RunningNorm:
    return RunningNorm(torch.full((64,), 3.0), torch.full((64,), 2.0))


def test_a_norm_starts_from_the_trainings_statistics():
    raw = vectors(50, 3.0, 2.0)
    torch.testing.assert_close(training_voice().normalised(raw), (raw - 3) / (2 + 1e-4))


def test_another_voice_is_normalised_by_its_own_statistics_once_it_has_spoken():
    norm, raw = training_voice(), vectors(2000, 4.0, 1.2)
    norm.update(raw)
    a = norm.normalised(raw)
    assert abs(a.mean()) < 0.05
    assert 0.9 < a.std() < 1.05
    before = (raw - 3) / 2
    assert before.mean() > 0.45 and before.std() < 0.65


def test_a_few_frames_change_little_and_pieces_change_nothing():
    raw = vectors(4, 6.0, 0.1)
    once, often = training_voice(), training_voice()
    once.update(raw)
    for frame in raw:
        often.update(frame[None])
    torch.testing.assert_close(once.normalised(raw), often.normalised(raw))
    first = training_voice().normalised(raw)
    assert (once.normalised(raw) - first).abs().max() < 0.35 * first.abs().max()


def test_a_constant_sound_is_not_amplified():
    norm, raw = training_voice(), vectors(100_000, 3.0, 1e-3)
    norm.update(raw)
    a = norm.normalised(raw)
    assert a.std() < 1.2e-3  # twice what the training's statistics make of it, and no more


def test_only_spoken_frames_make_a_voice():
    torch.manual_seed(5)
    encoder = AudioEncoder(6)
    windows = torch.randn(300, 16, 6)
    encoder.calibrate(windows)
    spoken = torch.arange(300) < 200
    other = windows.clone()
    other[210:] = 5.0  # what is no speech may be anything
    one, two = encoder(windows, spoken), encoder(other, spoken)
    torch.testing.assert_close(one[:200], two[:200])
    torch.testing.assert_close(encoder(windows, spoken & False), encoder(windows))


def test_a_voice_is_known_after_its_first_minutes():
    torch.manual_seed(7)
    encoder, spoken = AudioEncoder(6), torch.ones(LEARNT + 700, dtype=torch.bool)
    windows = torch.randn(LEARNT + 700, 16, 6)
    encoder.calibrate(windows)
    other = windows.clone()
    other[LEARNT + 10 :] = 5.0
    one, two = encoder(windows, spoken), encoder(other, spoken)
    torch.testing.assert_close(one[:LEARNT], two[:LEARNT])
    pulled = 0

    def pieces():
        nonlocal pulled
        for piece in encoder.raw(windows.split(500)):
            pulled += len(piece)
            yield piece

    first = next(chunks := encoder.normalised_chunks(pieces(), spoken))
    assert LEARNT <= pulled < LEARNT + 500  # the rest is not waited for
    torch.testing.assert_close(torch.cat([first, *chunks]), one)


def test_a_stream_ends_where_the_whole_speech_is():
    torch.manual_seed(6)
    encoder = AudioEncoder(6)
    encoder.calibrate(torch.randn(300, 16, 6))
    windows = 0.5 * torch.randn(400, 16, 6) + 0.3
    spoken = torch.ones(400, dtype=torch.bool)
    whole = encoder(windows, spoken)
    norm = encoder.running_norm()
    for t in range(400):
        vector = encoder.excerpt(with_context(windows, t, t + 1), norm, spoken=True)
    torch.testing.assert_close(vector[0], whole[-1], atol=1e-4, rtol=1e-4)
    assert not torch.allclose(encoder(windows)[-1], whole[-1], atol=1e-2)
