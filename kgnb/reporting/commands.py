"""``kgnb report``: the arguments, and what is printed."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from kgnb.errors import InvalidValue

if TYPE_CHECKING:
    import argparse

SUFFIXES = {
    "html": ".html",
    "jsonl": ".jsonl",
    "svg": ".svg",
    "png": ".png",
    "mermaid": ".mmd",
}
"""Format → how the names of its files end."""
_FORMS = {suffix: form for form, suffix in SUFFIXES.items()}
_STDOUT = "-"
_KB = 1000


def add_parser(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    where: argparse.ArgumentParser,
) -> None:
    """Add the command; ``where`` has the arguments that say which server."""
    report = commands.add_parser(
        "report",
        parents=[where],
        help="write a run's report, trace or picture",
        epilog="a run that goes on is told as far as it has come",
    )
    report.add_argument(
        "run",
        metavar="RUN",
        help="the run's id, or a recording or trace (*.jsonl)",
    )
    report.add_argument(
        "--format",
        choices=tuple(SUFFIXES),
        help="by default what FILE's name says, else html",
    )
    report.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        help="by default one named after the run, in this directory; - prints it",
    )
    report.add_argument(
        "--log",
        metavar="URL",
        default=os.environ.get("KGNB_LOG_URL"),
        help="of a log that no server keeps, as of a durable run of a script; also in "
        "the variable KGNB_LOG_URL",
    )


def main(given: argparse.Namespace) -> int:
    """Write it; returns the process's exit status.

    Raises:
        KgnbError: The run cannot be read, or has no such form.
    """
    form = _form(given)
    # Other commands have no use for what these load.
    from kgnb.reporting import sources, writing  # noqa: PLC0415

    source = sources.find(given.run, given.url, given.token, given.log)
    if given.output == _STDOUT:
        sys.stdout.buffer.write(b"".join(writing.content(form, source)))
        sys.stdout.buffer.flush()
        return 0
    path = Path(given.output or f"{source.name}{SUFFIXES[form]}")
    try:
        writing.write(form, source, path)
    except OSError as error:
        raise InvalidValue(f"{path} cannot be written: {error.strerror}") from None
    print(f"wrote {path} ({_size(path.stat().st_size)})")
    return 0


def _form(given: argparse.Namespace) -> str:
    if given.format is not None:
        return str(given.format)
    if given.output in (None, _STDOUT):
        return "html"
    suffix = Path(given.output).suffix
    if suffix not in _FORMS:
        known = ", ".join(SUFFIXES)
        raise InvalidValue(f"-o {given.output}: say --format, one of {known}")
    return _FORMS[suffix]


def _size(count: int) -> str:
    return f"{count:,} bytes" if count < _KB else f"{count / _KB:,.0f} kB"
