"""`--device`, and commands on the stand-in for a GPU."""

import sys
from dataclasses import replace
from types import ModuleType

import numpy as np
import pytest
import torch

from audioplane.cli import main
from audioplane.drive import Talker
from audioplane.errors import DeviceError
from audioplane.evaluate import evaluate
from audioplane.run import open_run
from audioplane.splat.device import ChosenDevice, choose_device
from audioplane.train.run import train_head
from tests.gpu import stand_in
from tests.train.configs import TINY


@pytest.fixture
def machine(monkeypatch):
    """`machine(gpu, gsplat)`: what there is."""

    def have(gpu: bool, gsplat: bool) -> None:
        monkeypatch.setattr(torch.cuda, "is_available", lambda: gpu)
        monkeypatch.setitem(sys.modules, "gsplat", ModuleType("gsplat") if gsplat else None)

    return have


def test_auto_takes_a_gpu_where_gsplat_can_draw_on_it(machine):
    for gpu, gsplat, expected in ((1, 1, "cuda"), (0, 1, "cpu"), (0, 0, "cpu")):
        machine(bool(gpu), bool(gsplat))
        assert choose_device("auto") == ChosenDevice(torch.device(expected))
    machine(True, False)
    chosen = choose_device("auto")
    assert chosen.device == torch.device("cpu") and 'audioplane[cuda]"' in chosen.note


def test_the_cpu_is_always_available(machine):
    machine(True, True)
    assert choose_device("cpu").device == torch.device("cpu")


def test_an_unknown_name_is_refused(machine):
    machine(False, False)
    with pytest.raises(DeviceError, match="device='gpu': choose auto, cpu or cuda"):
        choose_device("gpu")


def test_a_gpu_that_is_not_there_is_an_error_that_says_why(machine):
    machine(False, True)
    with pytest.raises(DeviceError, match="no CUDA device"):
        choose_device("cuda")
    machine(True, False)
    with pytest.raises(DeviceError, match=r'pip install "audioplane\[cuda\]"'):
        choose_device("cuda")


@pytest.mark.parametrize("command", ["train", "drive", "evaluate", "bench"])
def test_every_command_that_computes_has_the_option(
    machine, spoken_subject, tmp_path, capsys, command
):
    machine(False, False)
    person = spoken_subject.paths
    needs = [str(person.audio)] if command == "drive" else []
    subject = [] if command == "bench" else [str(person.root)]
    out = ["--out", str(tmp_path / "out.mp4")] if command in ("train", "drive") else []
    assert main([command, *subject, *needs, *out, "--device", "cuda"]) == 1
    assert "--device cuda: this PyTorch" in capsys.readouterr().err


def test_a_run_on_a_gpu_is_driven_and_evaluated_there(spoken_subject, tmp_path):
    plan = replace(TINY, coarse_iterations=12, fine_iterations=8, validate_every=20)
    run, speech, out = tmp_path / "run", tmp_path / "speech.npy", tmp_path / "out.mp4"
    np.save(speech, spoken_subject.features("mel")[:3])
    with stand_in() as device:
        list(train_head(spoken_subject, plan, run, device))
        made = Talker(open_run(run), device).write(speech, out)
        assert made.n_frames == 3 and out.exists()
        where = torch.device(device)
        there = evaluate(run, out=tmp_path / "there", poses="refined", device=where).reports
    here = evaluate(run, out=tmp_path / "here", poses="refined", device="cpu").reports
    ours, theirs = (reports["refined"].means["whole"].psnr for reports in (there, here))
    assert ours == pytest.approx(theirs, abs=0.02)
