"""``kgnb test-from`` and ``kgnb ci``: the arguments, and what is printed."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from kgnb.errors import InvalidValue, KgnbError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from kgnb.protocol import events as e

NAMES = frozenset({"test-from", "ci"})


def add_parsers(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    where: argparse.ArgumentParser,
) -> None:
    """Add both commands; ``where`` has the arguments that say which server."""
    test = commands.add_parser(
        "test-from",
        parents=[where],
        help="write a pytest test out of a recorded run",
        epilog="the graph is run once, to see that the test passes",
    )
    test.add_argument(
        "run",
        metavar="RUN",
        help="a recording, as kgnb.run(record=) writes it, or the id of a run",
    )
    test.add_argument(
        "--graph",
        required=True,
        metavar="MODULE:NAME",
        help="the graph, or better a function that makes it",
    )
    test.add_argument(
        "--shared",
        metavar="JSON",
        help="what the run began with; by default its params, or nothing",
    )
    test.add_argument(
        "-o", "--output", type=Path, metavar="FILE", help="by default it is printed"
    )
    test.add_argument("--force", action="store_true", help="overwrite FILE")
    test.add_argument(
        "--no-run", action="store_true", help="write the test without trying it"
    )
    ci = commands.add_parser("ci", help="have notebooks tested")
    steps = ci.add_subparsers(dest="step", required=True)
    init = steps.add_parser(
        "init", help="write a CI workflow, conftest.py and files of answers"
    )
    init.add_argument("folder", nargs="?", type=Path, default=Path(), metavar="DIR")
    init.add_argument(
        "--force", action="store_true", help="overwrite what is there already"
    )
    run = steps.add_parser(
        "run",
        help="run a command in CI mode, with a notebook's answers",
        epilog="as in: kgnb ci run a.ipynb -- papermill a.ipynb out.ipynb",
    )
    run.add_argument("notebook", type=Path, metavar="NOTEBOOK")
    run.add_argument("words", nargs="+", metavar="COMMAND")


def main(given: argparse.Namespace) -> int:
    """Run one of them; returns the process's exit status."""
    try:
        if given.command == "test-from":
            return _test_from(given)
        if given.step == "init":
            return _init(given.folder, force=given.force)
        return _run(given.notebook, given.words)
    except KgnbError as error:
        print(f"kgnb {given.command}: {error}", file=sys.stderr)
        return 1


def _init(folder: Path, *, force: bool) -> int:
    from kgnb.testing import scaffold  # noqa: PLC0415  # other commands have no use

    files = scaffold.plan(folder)
    for path, is_new in scaffold.write(files, force=force):
        print(f"{'wrote' if is_new else 'kept '} {path}")
    print("\nLook at the answers, then try what CI will do:\n    pytest --kgnb")
    return 0


def _run(notebook: Path, words: Sequence[str]) -> int:
    from kgnb.testing.notebook_files import environment_of  # noqa: PLC0415  # likewise

    if not notebook.is_file():
        raise InvalidValue(f"{notebook}: no such notebook")
    env = os.environ | environment_of(notebook)
    try:
        done = subprocess.run(words, env=env, check=False)  # noqa: S603  # the user's
    except OSError as error:
        raise InvalidValue(f"{words[0]}: {error.strerror}") from None
    return done.returncode


def _test_from(given: argparse.Namespace) -> int:
    from kgnb.testing.from_run import RunTest  # noqa: PLC0415  # likewise

    output: Path | None = given.output
    if output is not None and output.exists() and not given.force:
        raise InvalidValue(f"{output} is there already; --force overwrites it")
    test = RunTest(_events(given), given.graph, _shared(given.shared))
    keys, problem = (None, None) if given.no_run else test.try_it()
    text = test.text(keys)
    if output is None:
        print(text, end="")
    else:
        output.write_text(text, encoding="utf-8")
    if problem is not None:
        print(f"kgnb test-from: the test does not pass: {problem}", file=sys.stderr)
    return 1 if problem is not None else 0


def _shared(text: str | None) -> object:
    try:
        return None if text is None else json.loads(text)
    except ValueError as error:
        raise InvalidValue(f"--shared: expected JSON: {error}") from None


def _events(given: argparse.Namespace) -> list[e.AnyEvent]:
    from kgnb.testing.from_run import events_of, recorded_events  # noqa: PLC0415

    path = Path(given.run)
    if path.exists() or path.suffix:
        return recorded_events(path)

    async def fetch() -> list[e.AnyEvent]:
        from kgnb.clients import connect, from_jupyter  # noqa: PLC0415

        where = given.url or from_jupyter()
        async with connect(where, token=given.token) as client:
            return await events_of(client, given.run)

    return asyncio.run(fetch())
