"""``kgnb doctor`` in a working environment and in broken ones."""

from contextlib import nullcontext

import pytest

from kgnb import cli
from kgnb.clients import addresses, probing
from kgnb.version import __version__


@pytest.fixture(autouse=True)
def _no_server(monkeypatch):
    """Whatever else runs on this machine is not this test's."""
    monkeypatch.setattr(addresses, "running", list)
    monkeypatch.delenv("KGNB_LINK_URL", raising=False)


def test_doctor_in_a_working_environment_is_content(capsys):
    assert cli.main(["doctor"]) == 0
    printed = capsys.readouterr().out
    assert "MEND" not in printed
    assert "graphs are drawn" in printed
    assert "no Jupyter server of this user runs now" in printed


@pytest.mark.parametrize(
    ("status", "told"),
    [
        (404, "has no working kgnb (404): install kgnb into the environment"),
        (503, "cannot write the log of its runs"),
        (None, "does not answer ("),
    ],
)
def test_doctor_beside_an_unwell_server_says_what_to_do(
    capsys, monkeypatch, status, told
):
    url = "http://127.0.0.1:1/"
    server = addresses.Server(url, "secret")
    monkeypatch.setattr(addresses, "running", lambda: [server])
    if status is not None:
        monkeypatch.setattr(probing, "_status", lambda *_: status)
    assert cli.main(["doctor"]) == 1
    printed = capsys.readouterr().out
    assert f"MEND  the server at {url} {told}" in printed
    assert "secret" not in printed


def test_doctor_in_a_kernel_whose_link_is_broken_names_it(capsys, monkeypatch):
    monkeypatch.setenv("KGNB_LINK_URL", "ws://127.0.0.1:1/kgnb/link")
    assert cli.main(["doctor"]) == 1
    assert "this kernel's link cannot reach" in capsys.readouterr().out


def test_answer_without_a_server_says_what_to_do(capsys):
    assert cli.main(["answer", "a", "yes"]) == 1
    assert "start one, or give its url" in capsys.readouterr().err


def test_doctor_without_jupyter_folders_says_what_to_do(capsys, monkeypatch):
    monkeypatch.setattr("jupyter_core.paths.jupyter_config_path", list)
    monkeypatch.setattr("jupyter_core.paths.jupyter_path", lambda _: [])
    assert cli.main(["doctor"]) == 1
    printed = capsys.readouterr().out
    assert printed.count("MEND") == 2
    assert "pip install --force-reinstall kgnb" in printed


@pytest.mark.parametrize(
    ("written", "told"),
    [
        (
            '{"ServerApp": {"jpserver_extensions": {"kgnb": false}}}',
            "the server extension is switched off in {}",
        ),
        ('{"ServerApp": {', "{} is not as Jupyter reads it"),
        ('{"ServerApp": []}', "{} is not as Jupyter reads it"),
    ],
)
def test_doctor_with_the_extension_switched_off_names_the_file(
    capsys, monkeypatch, tmp_path, written, told
):
    folder = tmp_path / "jupyter_server_config.d"
    folder.mkdir()
    (folder / "kgnb.json").write_text(written)
    monkeypatch.setattr(
        "jupyter_core.paths.jupyter_config_path", lambda: [str(tmp_path)]
    )
    assert cli.main(["doctor"]) == 1
    assert told.format(folder / "kgnb.json") in capsys.readouterr().out


def test_version_is_told(capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"kgnb {__version__}\n"


def test_serve_on_a_port_that_cannot_be_is_refused(capsys):
    with pytest.raises(SystemExit):
        cli.main(["serve", "main:graph", "--port", "99999"])
    assert "argument --port: expected 0 to 65535, got 99999" in capsys.readouterr().err


def test_serve_of_a_module_that_publishes_nothing_says_what_to_do(capsys, monkeypatch):
    monkeypatch.setattr("kgnb.server.asgi.serving.published_names", list)
    assert cli.main(["serve", "json"]) == 1
    assert "'json' publishes nothing: name one of its graphs, as in json:graph" in (
        capsys.readouterr().err
    )


@pytest.mark.parametrize(("status", "code"), [("failed", 1), ("completed", 0)])
def test_tail_of_a_run_whose_events_are_gone_exits_by_its_view(
    status, code, monkeypatch, capsys
):
    class Server:
        async def events(self, **asked):
            yield {"type": "snapshot", "view": {"seq": 7, "status": status}}

    monkeypatch.setattr(cli, "_connect", lambda given: nullcontext(Server()))
    assert cli.main(["tail", "r1"]) == code
    assert capsys.readouterr().out == f"7 snapshot {status}\n"
