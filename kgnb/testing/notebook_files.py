"""The scripted answers that a notebook brings along.

They stand in its metadata, ``{"kgnb": {"answers": …}}``, or beside it in
``<name>.answers.toml``, whose ``answers`` is likewise an array (in order of opening)
or a table (by name, message or node, with ``*`` for any text). The file counts if there
are both.
"""

from __future__ import annotations

import contextlib
import json
import os
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kgnb.errors import InvalidValue
from kgnb.runtime.answering import ANSWERS
from kgnb.runtime.process import MODE

if TYPE_CHECKING:
    from collections.abc import Iterator

Scripted = dict[str, Any] | list[Any]


def sidecar_of(path: Path) -> Path:
    """Where a notebook's answers stand, if not in itself."""
    return path.with_suffix(".answers.toml")


def answers_of(path: Path) -> Scripted:
    """The answers that a notebook brings along; an empty list if it has none.

    Raises:
        InvalidValue: They are written so that they cannot be read; names the file.
    """
    sidecar = sidecar_of(path)
    where: str = sidecar.name
    if sidecar.is_file():
        try:
            found = tomllib.loads(sidecar.read_text(encoding="utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise InvalidValue(f"{sidecar.name}: no TOML: {error}") from None
        given = found.get("answers", [])
    else:
        where = f"{path.name}: metadata.kgnb.answers"
        own = _metadata_of(path).get("kgnb", {})
        given = own.get("answers", []) if isinstance(own, dict) else None
    if not isinstance(given, dict | list):
        raise InvalidValue(
            f"{where}: expected answers by name or message, or an array of them in "
            f"order, got {given!r:.60}"
        )
    return given


def _metadata_of(path: Path) -> dict[str, Any]:
    try:
        notebook = json.loads(path.read_text(encoding="utf-8"))
        metadata = notebook.get("metadata", {})
    except (ValueError, AttributeError):
        raise InvalidValue(f"{path.name}: not a notebook: expected JSON") from None
    return metadata if isinstance(metadata, dict) else {}


def environment_of(path: Path) -> dict[str, str]:
    """What a kernel's environment needs to run the notebook in CI mode.

    Answers that the environment has already (``KGNB_ANSWERS``) count instead.

    Raises:
        InvalidValue: See ``answers_of``.
    """
    needed = {MODE: os.environ.get(MODE, "ci")}
    if ANSWERS not in os.environ:
        try:
            needed[ANSWERS] = json.dumps(answers_of(path))
        except TypeError as error:  # TOML has dates, JSON has none
            raise InvalidValue(
                f"{path.name}: an answer is of no type of JSON: {error}"
            ) from None
    return needed


@contextlib.contextmanager
def notebook_answers(path: str | os.PathLike[str]) -> Iterator[None]:
    """Have kernels that are started inside run in CI mode, with a notebook's answers.

        with kgnb.testing.notebook_answers("report.ipynb"):
            papermill.execute_notebook("report.ipynb", "out.ipynb")

    For whatever executes notebooks and knows nothing of kgnb. The environment is the
    process's: not for several threads at once.

    Raises:
        InvalidValue: The answers are written so that they cannot be read.
    """
    needed = environment_of(Path(path))
    before = {name: os.environ.get(name) for name in needed}
    os.environ.update(needed)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
