"""``kgnb ci init``: what a repository needs to have its notebooks tested.

A workflow for GitHub Actions, a ``conftest.py``, and beside each notebook that asks
something a file of answers, filled in with those of its saved runs.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kgnb.errors import InvalidValue
from kgnb.testing.notebook_files import answers_of, sidecar_of
from kgnb.testing.records import records_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

WORKFLOW = Path(".github/workflows/notebooks.yml")

_HEAD = """\
# What CI answers in {name}, where nobody clicks. Written by `kgnb ci init`.
# A key is a question's text, name or node; * in it stands for any text.
# answers = ["first", "second"] answers in the order of asking instead.
"""
_EXAMPLE = '# "Publish?" = "yes"\n'


@dataclass(frozen=True)
class Planned:
    """A file that is to be written."""

    path: Path
    text: str


def plan(folder: Path) -> list[Planned]:
    """All that a repository is to have.

    Raises:
        InvalidValue: There is no such folder.
    """
    if not folder.is_dir():
        raise InvalidValue(f"{folder}: no such folder")
    templates = resources.files("kgnb.testing") / "templates"
    files = [
        Planned(folder / WORKFLOW, (templates / "notebooks.yml").read_text("utf-8")),
        Planned(
            folder / "conftest.py", (templates / "conftest.txt").read_text("utf-8")
        ),
    ]
    for path in _notebooks(folder):
        text = _answers_text(path)
        if text is not None:
            files.append(Planned(sidecar_of(path), text))
    return files


def write(files: Sequence[Planned], *, force: bool) -> Iterator[tuple[Path, bool]]:
    """Write what is missing, or everything.

    Yields:
        Each path, and whether it was written: what is there is kept.
    """
    for file in files:
        is_new = force or not file.path.exists()
        if is_new:
            file.path.parent.mkdir(parents=True, exist_ok=True)
            file.path.write_text(file.text, encoding="utf-8")
        yield file.path, is_new


def _notebooks(folder: Path) -> list[Path]:
    """The notebooks of a repository, without copies and environments."""
    found = []
    for path in sorted(folder.rglob("*.ipynb")):
        parents = path.relative_to(folder).parts[:-1]
        if not any(part.startswith(".") or _is_foreign(part) for part in parents):
            found.append(path)
    return found


def _is_foreign(part: str) -> bool:
    return part in {"node_modules", "site-packages", "reports"}


def _answers_text(path: Path) -> str | None:
    """A file of answers; None where the notebook needs none or brings its own."""
    try:
        source = path.read_text(encoding="utf-8")
        if "kgnb" not in source:
            return None
        if not sidecar_of(path).exists() and answers_of(path):
            return None
        cells = json.loads(source).get("cells", [])
    except (OSError, ValueError, InvalidValue):  # pytest will say what is wrong with it
        return None
    records = [record for cell in cells for record in records_of(cell)]
    asked = [one for record in records for one in record.get("approvals", ())]
    return _HEAD.format(name=path.name) + _given(asked)


def _given(asked: Sequence[Mapping[str, Any]]) -> str:
    """What people answered, as TOML: by question, or in order where that differs."""
    answered = [one for one in asked if one.get("state") == "answered"]
    by_message: dict[str, Any] = {}
    for one in answered:
        text = _toml(one.get("value"))
        if text is None or by_message.setdefault(one["message"], text) != text:
            break
    else:
        lines = [f"{_toml(key)} = {text}\n" for key, text in by_message.items()]
        return "[answers]\n" + ("".join(lines) or _EXAMPLE)
    texts = [_toml(one.get("value")) for one in answered]
    if None in texts:
        return f"[answers]\n{_EXAMPLE}"
    return f"answers = [{', '.join(str(text) for text in texts)}]\n"


def _toml(value: Any) -> str | None:
    """A JSON value as TOML; None for what TOML has not: null, and what holds one."""
    match value:
        case str():
            # JSON's escapes are TOML's, which wants DEL escaped as well.
            return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
        case bool() | int() | float():
            return json.dumps(value)  # of a record, so it is finite
        case list():
            return _joined("[]", [_toml(item) for item in value])
        case dict():
            pairs = [(_toml(str(key)), _toml(item)) for key, item in value.items()]
            texts = [None if text is None else f"{key} = {text}" for key, text in pairs]
            return _joined("{}", texts)
    return None


def _joined(brackets: str, texts: Sequence[str | None]) -> str | None:
    there = [text for text in texts if text is not None]
    whole = f"{brackets[0]}{', '.join(there)}{brackets[1]}"
    return whole if len(there) == len(texts) else None
