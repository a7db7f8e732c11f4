"""Files that readers of others open, and that render as the head does."""

import json
import struct
from dataclasses import replace

import numpy as np
import pytest
import torch

from audioplane.drive import Talker
from audioplane.errors import CredentialsError, MediaError, SpeechError
from audioplane.export import export_gaussians
from audioplane.export.gltf import _attributes, write_gltf
from audioplane.head import Gaussians, View, splat_head
from audioplane.media.audio import write_wav
from audioplane.run import open_run
from audioplane.synthetic import make_synthetic_sentence
from tests.run.made import make_run

PREFIX = "KHR_gaussian_splatting:"


@pytest.fixture(scope="module")
def run(person, tmp_path_factory):
    folder = make_run(tmp_path_factory.mktemp("runs") / "me", person, torso="model")
    return open_run(folder, person.paths.root)


@pytest.fixture(scope="module")
def talker(run):
    return Talker(run)


@pytest.fixture(scope="module")
def voice(tmp_path_factory):
    path = tmp_path_factory.mktemp("sound") / "voice.wav"
    write_wav(path, make_synthetic_sentence(1.0, seed=3).waveform[:8000].astype(np.float32))
    return path


def rendered(gaussians: Gaussians, view: View, turned: bool = False) -> np.ndarray:
    """Over grey, in a view of the head's world; or of that world turned about x by half a turn."""
    viewmat = view.viewmat.clone()
    if turned:
        viewmat = viewmat @ torch.diag(torch.tensor([1.0, -1.0, -1.0, 1.0]))
    view = replace(view, viewmat=viewmat)
    still = torch.zeros(len(gaussians))
    return splat_head(gaussians, still, view, torch.full((3,), 0.5)).image[..., :3].numpy()


def tensors(*arrays) -> tuple[torch.Tensor, ...]:
    return tuple(torch.from_numpy(np.array(x, np.float32)) for x in arrays)


def test_a_ply_that_another_reader_opens_renders_as_the_frame(run, talker, voice, tmp_path):
    gsply = pytest.importorskip("gsply", reason="needs gsply")
    (path,) = export_gaussians(run, tmp_path / "a.ply", voice, frame=5)
    read = gsply.plyread(path)
    rest = np.concatenate([read.sh0[:, None], read.shN], 1)
    made = Gaussians(*tensors(read.means, read.quats, read.scales, read.opacities.ravel(), rest))
    assert_same_image(made, talker, voice, False)


def test_a_gltf_that_another_reader_opens_renders_as_the_frame(run, talker, voice, tmp_path):
    pygltflib = pytest.importorskip("pygltflib", reason="needs pygltflib")
    (path,) = export_gaussians(run, tmp_path / "a.glb", voice, frame=5)
    file = pygltflib.GLTF2().load(str(path))
    assert file.extensionsUsed == ["KHR_gaussian_splatting"]
    (primitive,) = file.meshes[0].primitives
    assert primitive.mode == pygltflib.POINTS
    assert primitive.extensions["KHR_gaussian_splatting"]["kernel"] == "ellipse"
    blob = file.binary_blob()
    found = {
        name: array_of(file, blob, index)
        for name, index in vars(primitive.attributes).items()
        if index is not None
    }
    x, y, z, w = found[f"{PREFIX}ROTATION"].T
    opacity = found[f"{PREFIX}OPACITY"][:, 0]
    names = ["SH_DEGREE_0_COEF_0", *(f"SH_DEGREE_1_COEF_{k}" for k in range(3))]
    made = Gaussians(
        *tensors(
            found["POSITION"],
            np.stack([w, x, y, z], 1),
            np.log(found[f"{PREFIX}SCALE"]),
            np.log(opacity / (1 - opacity)),
            np.stack([found[PREFIX + name] for name in names], 1),
        )
    )
    assert_same_image(made, talker, voice, True)


def array_of(file, blob: bytes, index: int) -> np.ndarray:
    accessor = file.accessors[index]
    view = file.bufferViews[accessor.bufferView]
    width = {"SCALAR": 1, "VEC3": 3, "VEC4": 4}[accessor.type]
    values = np.frombuffer(blob, "<f4", accessor.count * width, view.byteOffset)
    return values.reshape(-1, width)


def assert_same_image(made: Gaussians, talker: Talker, voice, turned: bool) -> None:
    from audioplane.head import follow_body
    from audioplane.speech import Speech

    animator, ref = talker.animator, talker.animator.footage.loop[5]
    view = animator.view(ref)
    code = talker.codes(Speech.read(voice))[5]
    weights = talker.run.head.body_weights()
    own = follow_body(animator.deformed(code, ref)[0], weights, view.viewmat, view.body)
    error = np.abs(rendered(made, view, turned) - rendered(own, view))
    assert error.max() < 2e-3


def test_a_whole_speech_is_a_file_for_each_frame(run, voice, tmp_path):
    files = export_gaussians(run, tmp_path / "x" / "a.ply", voice)
    assert [path.name for path in files] == [f"a-{t:05d}.ply" for t in range(12)]
    assert files[3].read_bytes() != files[9].read_bytes()


def test_files_say_that_they_are_generated_and_who_agreed(run, tmp_path):
    (ply,) = export_gaussians(replace(run, consent="Zoë\nx"), tmp_path / "a.ply")
    header = ply.read_bytes().split(b"end_header")[0].decode("ascii")
    assert "comment ai_generated: AI-generated" in header
    assert "comment consent: Zo\\xeb x\n" in header
    (glb,) = export_gaussians(run, tmp_path / "a.glb")
    data = glb.read_bytes()
    document = json.loads(data[20 : 20 + struct.unpack("<I", data[12:16])[0]])
    assert document["asset"]["extras"]["consent"] == run.consent


def test_a_gltf_holds_unit_quaternions_whatever_they_were():
    quats = torch.tensor([[0.0, 0, 0, 0], [0, 3, 0, 4]])
    some = Gaussians(
        torch.zeros(2, 3), quats, torch.zeros(2, 3), torch.zeros(2), torch.zeros(2, 4, 3)
    )
    turned = _attributes(some)[f"{PREFIX}ROTATION"]
    np.testing.assert_allclose(turned, [[1, 0, 0, 0], [0, -0.8, 0, -0.6]], atol=1e-7)


def test_a_head_of_no_gaussians_is_no_gltf(tmp_path):
    none = Gaussians(*(torch.zeros(0, *size) for size in ((3,), (4,), (3,), (), (4, 3))))
    with pytest.raises(MediaError, match="no Gaussians"):
        write_gltf(tmp_path / "a.glb", none, {})


def test_what_cannot_be_written_is_refused(run, voice, tmp_path):
    with pytest.raises(CredentialsError):
        export_gaussians(replace(run, consent=""), tmp_path / "a.ply")
    with pytest.raises(MediaError, match=r"neither \.ply nor \.glb"):
        export_gaussians(run, tmp_path / "a.obj")
    with pytest.raises(SpeechError, match="frame=12"):
        export_gaussians(run, tmp_path / "a.ply", voice, frame=12)
    with pytest.raises(SpeechError, match="frame=3 is one of a speech"):
        export_gaussians(run, tmp_path / "a.ply", frame=3)
    assert not list(tmp_path.iterdir())
