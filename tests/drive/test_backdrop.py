import numpy as np
import pytest

from audioplane.drive import Talker
from audioplane.drive.backdrop import read_backdrop, unmixed
from audioplane.errors import MediaError
from audioplane.media.image import write_image
from audioplane.run import open_run, pack
from tests.run.made import make_run


@pytest.fixture(scope="module", params=["recorded", "model"])
def run(request, person, tmp_path_factory):
    folder = make_run(tmp_path_factory.mktemp("runs") / "me", person, torso=request.param)
    return open_run(folder, person.paths.root)


def images(talker, n=3):
    codes = talker.animator.codes(talker.run.subject.features("mel")[:n])
    return [frame.pixels.astype(int) for _, frame in talker.animator.speak(codes, None)]


def composited(rgba, background):
    alpha = rgba[..., 3:] / 255
    return alpha * rgba[..., :3] + (1 - alpha) * background


def test_a_colour_takes_the_place_of_the_recorded_background(run):
    recorded, blue = images(Talker(run)), images(Talker(run, background="#0000ff"))
    again = run.footage.background.astype(int)
    for before, after in zip(recorded, blue, strict=True):
        nothing = (before == again).all(-1)
        assert nothing.any() and (after[nothing] == (0, 0, 255)).all(-1).mean() > 0.9


def test_a_transparent_person_over_any_background_is_the_person_before_it(run, tmp_path):
    clear = images(Talker(run, background="transparent"))
    write_image(tmp_path / "wall.png", np.roll(run.footage.background, 40, axis=1))
    for background in ("white", str(tmp_path / "wall.png")):
        talker = Talker(run, background=background)
        behind = talker.animator.footage.background
        for rgba, image in zip(clear, images(talker), strict=True):
            assert rgba.shape[2] == 4 and rgba[..., 3].min() == 0 and rgba[..., 3].max() > 128
            assert np.abs(composited(rgba, behind) - image).max() <= 2


def test_packs_and_streams_show_it_too(run, tmp_path):
    alone = open_run(pack(run, tmp_path / "me.head"))
    speech = np.random.default_rng(0).normal(0, 0.05, 6400).astype(np.float32)
    for background, channels in (("green", 3), ("transparent", 4)):
        talker = Talker(alone, background=background)
        stream = talker.stream()
        frames = [*stream.push(speech), *stream.finish()]
        whole = list(talker.speak(speech))
        assert len(frames) == len(whole) == 10
        assert {f.shape[2] for f in (*frames, *whole)} == {channels}
        corners = {tuple(f[0, 0]) for f in frames if channels == 4}
        assert all(corner[3] == 0 for corner in corners)


def test_an_image_fills_the_frame_from_its_middle(tmp_path):
    wide = np.zeros((40, 120, 3), np.uint8)
    wide[:, 40:80] = 200
    write_image(tmp_path / "wide.png", wide)
    filled = read_backdrop(tmp_path / "wide.png", (80, 80))
    assert filled.shape == (80, 80, 3) and (filled[:, 5:75] == 200).all()


def test_what_is_no_background_is_refused(tmp_path):
    assert (read_backdrop("#102030", (4, 3)) == (16, 32, 48)).all()
    (tmp_path / "text.png").write_text("no image")
    for name in ("#12", "mauve", tmp_path / "missing.png", tmp_path / "text.png"):
        with pytest.raises(MediaError):
            read_backdrop(name, (4, 3))


def test_colours_of_edges_are_those_of_the_person():
    alpha = np.tile(np.linspace(0, 255, 64).astype(np.uint8), (64, 1))
    colour = np.array([200, 100, 40])
    mixed = (colour * (alpha[..., None] / 255) + 0.5).astype(np.uint8)
    clean = unmixed(mixed, alpha).astype(int)
    assert np.abs(clean[:, 16:] - colour).max() <= 6
