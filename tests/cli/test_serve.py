"""`serve` refuses what it cannot serve, in one line."""

import importlib.util

import pytest
import torch

from audioplane.cli import main
from audioplane.credentials.options import ProvenanceOptions
from audioplane.run import RunPaths, load_tensors, save_tensors
from audioplane.serve.server import Address, serve_runs

pytest.importorskip("fastapi", reason="needs the extra serve")
OPTIONS = (ProvenanceOptions(), 240, 1.0, torch.device("cpu"))
"""Of `serve_runs`, after the address."""


def _says(arguments: list[str], capsys) -> str:
    assert main(["serve", *arguments]) == 1
    return capsys.readouterr().err.replace("\n", " ")


def test_a_short_token_is_refused(tmp_path, capsys):
    assert "at least 16 characters" in _says([str(tmp_path), "--token", "secret"], capsys)


def test_a_folder_without_a_head_is_named(tmp_path, capsys):
    assert "no trained head" in _says([str(tmp_path)], capsys)


def test_a_head_that_nobody_consented_to_is_refused(run_folder, tmp_path, capsys, monkeypatch):
    tensors, facts = load_tensors(RunPaths(run_folder).head)
    del facts["consent"], facts["version"]
    save_tensors(RunPaths(tmp_path).head, tensors, facts)
    assert "--consent" in _says([str(tmp_path)], capsys)
    monkeypatch.setattr("uvicorn.Server.run", lambda server: None)
    assert main(["serve", str(tmp_path), "--consent", "I agreed"]) == 0
    assert main(["serve", str(tmp_path)]) == 0  # said once


def test_the_missing_extra_is_named(tmp_path, capsys, monkeypatch):
    find = importlib.util.find_spec
    lacks = lambda name, *rest: None if name == "uvicorn" else find(name, *rest)  # noqa: E731
    monkeypatch.setattr(importlib.util, "find_spec", lacks)
    assert "audioplane[serve]" in _says([str(tmp_path)], capsys)


@pytest.mark.parametrize(("host", "has_token"), [("0.0.0.0", True), ("127.0.0.1", False)])
def test_other_addresses_than_this_machine_get_a_token(monkeypatch, capsys, host, has_token):
    served = {}
    run = lambda server: served.update(vars(server.config))  # noqa: E731
    monkeypatch.setattr("uvicorn.Server.run", run)
    monkeypatch.setattr(
        "audioplane.serve.app.make_app", lambda *given: served.update(token=given[1].token)
    )
    serve_runs((), Address(host, 8000, None), *OPTIONS)
    assert served["host"] == host and served["proxy_headers"] is False
    assert (served["token"] is not None and len(served["token"]) >= 32) is has_token
    assert (served["token"] or "no token") in capsys.readouterr().err + "no token"


def test_loopback_is_the_default(monkeypatch, capsys):
    with pytest.raises(SystemExit):
        main(["serve", "--help"])
    said = capsys.readouterr().out
    assert "127.0.0.1" in said and "all interfaces" in " ".join(said.replace("│", " ").split())


@pytest.mark.parametrize("webrtc", [False, True])
def test_webrtc_is_for_who_asks_and_says_what_it_opens(monkeypatch, capsys, webrtc):
    served = []
    monkeypatch.setattr("uvicorn.Server.run", lambda server: None)
    monkeypatch.setattr("audioplane.serve.app.make_app", lambda *given: served.append(given[3]))
    serve_runs((), Address("127.0.0.1", 8000, None, webrtc), *OPTIONS)
    assert served == [webrtc]
    assert ("all interfaces" in capsys.readouterr().err.replace("\n", " ")) is webrtc
