"""The names under which workflows are published."""

from __future__ import annotations

from kgnb.errors import InvalidValue

RESERVED = frozenset({"workflow", "health", "metrics", "link"})
"""Paths under ``kgnb/ws`` that are something else."""
_LONGEST = 128
"""Bytes."""
_NOT_IN_PATHS = frozenset("/@?#%\\")
"""``@`` stands before a kernel's id; the others end a segment of a URL, or escape."""


def check_workflow_name(name: object) -> str:
    """Give back a name that can be a segment of a URL.

    Raises:
        InvalidValue: It cannot, or it is reserved.
    """
    size = len(name.encode(errors="replace")) if isinstance(name, str) else 0
    if not isinstance(name, str) or not 0 < size <= _LONGEST:
        raise InvalidValue(
            f"publish(name={name!r:.80}): expected a text of at most {_LONGEST} bytes"
        )
    if name in RESERVED:
        raise InvalidValue(
            f"publish(name={name!r}): the name is reserved; give it another one"
        )
    if not name.isprintable() or name.strip() != name or set(name) & _NOT_IN_PATHS:
        raise InvalidValue(
            f"publish(name={name!r}): expected a name that can stand in a URL: "
            f"printable, without {' '.join(sorted(_NOT_IN_PATHS))}"
        )
    if not name.strip("."):
        raise InvalidValue(f"publish(name={name!r}): expected more than dots")
    return name


def split_name(name: str) -> tuple[str, str]:
    """The plain name, and the beginning of a kernel's id, empty where none is named."""
    plain, _, prefix = name.partition("@")
    return plain, prefix
