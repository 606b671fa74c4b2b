"""``kgnb doctor`` in a working environment and in broken ones."""

from kgnb import cli


def test_doctor_in_a_working_environment_is_content(capsys):
    assert cli.main(["doctor"]) == 0
    printed = capsys.readouterr().out
    assert "MEND" not in printed
    assert "graphs are drawn" in printed


def test_doctor_without_jupyter_folders_says_what_to_do(capsys, monkeypatch):
    monkeypatch.setattr("jupyter_core.paths.jupyter_config_path", list)
    monkeypatch.setattr("jupyter_core.paths.jupyter_path", lambda _: [])
    assert cli.main(["doctor"]) == 1
    printed = capsys.readouterr().out
    assert printed.count("MEND") == 2
    assert "pip install --force-reinstall kgnb" in printed


def test_doctor_with_the_extension_switched_off_names_the_file(
    capsys, monkeypatch, tmp_path
):
    folder = tmp_path / "jupyter_server_config.d"
    folder.mkdir()
    (folder / "kgnb.json").write_text(
        '{"ServerApp": {"jpserver_extensions": {"kgnb": false}}}'
    )
    monkeypatch.setattr(
        "jupyter_core.paths.jupyter_config_path", lambda: [str(tmp_path)]
    )
    assert cli.main(["doctor"]) == 1
    assert f"switched off in {folder}/kgnb.json" in capsys.readouterr().out
