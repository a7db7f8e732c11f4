"""Refusals of `serve`, in one line."""

import importlib.util

import pytest

from audioplane.cli import main
from audioplane.run import RunPaths, load_tensors, save_tensors
from audioplane.serve.access import Access
from audioplane.serve.server import Address

pytest.importorskip("fastapi", reason="needs the extra serve")


def _says(arguments: list[str], capsys) -> str:
    assert main(["serve", *arguments]) == 1
    return capsys.readouterr().err.replace("\n", " ")


def test_a_short_token_is_refused(tmp_path, capsys):
    assert "at least 16 characters" in _says([str(tmp_path), "--token", "secret"], capsys)


def test_a_server_of_no_heads_is_refused(capsys):
    assert "name at least one run" in _says([], capsys)


@pytest.mark.parametrize(
    ("flag", "value"),
    [
        ("--port", "0"),
        ("--port", "65536"),
        ("--workers", "-1"),
        ("--clients", "-1"),
        ("--drain-seconds", "-1.0"),
        ("--drain-seconds", "nan"),
    ],
)
def test_numbers_that_there_are_not_are_refused_before_a_head_is_opened(
    flag, value, tmp_path, capsys
):
    assert f"{flag} {value}: choose" in _says([str(tmp_path / "no-run"), flag, value], capsys)


def test_a_folder_without_a_head_is_named(tmp_path, capsys):
    assert "no trained head" in _says([str(tmp_path)], capsys)


def test_a_transparent_head_is_refused(run_folder, capsys):
    assert "cannot be served" in _says([str(run_folder), "--background", "transparent"], capsys)


def test_a_head_that_nobody_consented_to_is_refused(
    run_folder, spoken_subject, tmp_path, capsys, monkeypatch
):
    tensors, facts = load_tensors(RunPaths(run_folder).head)
    save_tensors(RunPaths(tmp_path).head, tensors, {**facts, "consent": ""})
    arguments = [str(tmp_path), "--subject", str(spoken_subject.paths.root)]
    assert "--consent" in _says(arguments, capsys)
    monkeypatch.setattr("uvicorn.Server.run", lambda server: None)
    assert main(["serve", *arguments, "--workers", "1", "--consent", "I agreed"]) == 0
    assert main(["serve", *arguments, "--workers", "1"]) == 0  # said once


def test_a_consent_is_for_the_heads_that_state_none(
    run_folder, spoken_subject, tmp_path, capsys, monkeypatch
):
    tensors, facts = load_tensors(RunPaths(run_folder).head)
    save_tensors(RunPaths(tmp_path).head, tensors, {**facts, "consent": ""})
    monkeypatch.setattr("uvicorn.Server.run", lambda server: None)
    subject = ["--subject", str(spoken_subject.paths.root), "--consent", "I agreed"]
    assert main(["serve", str(tmp_path), str(run_folder), *subject, "--workers", "1"]) == 0
    assert "already states" in _says([str(run_folder), *subject], capsys)


def test_the_missing_extra_is_named(tmp_path, capsys, monkeypatch):
    find = importlib.util.find_spec
    lacks = lambda name, *rest: None if name == "uvicorn" else find(name, *rest)  # noqa: E731
    monkeypatch.setattr(importlib.util, "find_spec", lacks)
    assert "audioplane[serve]" in _says([str(tmp_path)], capsys)


@pytest.mark.parametrize(("host", "has_token"), [("0.0.0.0", True), ("127.0.0.1", False)])
def test_other_addresses_than_this_machine_get_a_token(host, has_token):
    address = Address(host).guarded()
    token = address.access.token
    assert (token is not None and len(token) >= 32) is has_token
    assert ((token or "#") in address.notices()[0]) is has_token


def test_the_options_reach_the_server(run_folder, spoken_subject, monkeypatch, capsys):
    from audioplane.serve.app import make_app

    served = {}
    run = lambda server: served.update(vars(server.config))  # noqa: E731
    monkeypatch.setattr("uvicorn.Server.run", run)

    def made(heads, *given):
        served.update(access=given[0], heads=heads, limits=given[1])
        return make_app(heads, *given)

    monkeypatch.setattr("audioplane.serve.app.make_app", made)
    options = ["--allow-host", "me.example", "--trusted-proxy", "10.0.0.0/8", "--port", "8001"]
    options += ["--workers", "1", "--clients", "7"]
    subject = ["--subject", str(spoken_subject.paths.root)]
    assert main(["serve", str(run_folder), *options, *subject, "--allow-host", "b.example"]) == 0
    assert served["access"] == Access(None, ("me.example", "b.example"), ("10.0.0.0/8",))
    assert served["port"] == 8001 and served["proxy_headers"] is False
    assert served["limits"].clients == 7
    assert list(served["heads"].by_name) == [run_folder.name]
    assert "--sign-cert" in capsys.readouterr().err


def test_advice_can_be_followed(run_folder, tmp_path, capsys):
    """The option that it names is one of this command's."""
    said = _says([str(run_folder), "--subject", str(tmp_path / "gone")], capsys)
    assert "gone" in said and "--subject" in said
    assert "--lookahead" in _says([str(run_folder), "--lookahead", "-1"], capsys)


def test_loopback_is_the_default(monkeypatch, capsys):
    with pytest.raises(SystemExit):
        main(["serve", "--help"])
    said = capsys.readouterr().out
    assert "127.0.0.1" in said and "all interfaces" in " ".join(said.replace("│", " ").split())


@pytest.mark.parametrize("webrtc", [False, True])
def test_webrtc_is_off_by_default_and_says_what_it_opens(webrtc):
    said = " ".join(Address(webrtc=webrtc).notices())
    assert ("all interfaces" in said) is webrtc
