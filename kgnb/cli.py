"""The ``kgnb`` command.

``kgnb doctor`` says what of kgnb works in this environment and what to do
about the rest, ``kgnb tail`` follows a run, ``kgnb answer`` answers a question,
``kgnb report`` writes a run as a page, a trace or a picture,
``kgnb serve`` lets others start your workflows without Jupyter, ``kgnb ci init``
has your notebooks tested, ``kgnb test-from`` writes a test out of a run, ``kgnb llm``
installs or serves a small model, and serves recordings.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kgnb.errors import InvalidValue, KgnbError, Unavailable
from kgnb.llm import commands as llm
from kgnb.protocol.events import TERMINAL
from kgnb.reporting import commands as reporting
from kgnb.testing import commands as testing
from kgnb.version import __version__

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractAsyncContextManager

    from kgnb.clients import Client

_PACKAGES = (
    "kgnb",
    "jupyter-server",
    "jupyterlab",
    "notebook",
    "ipykernel",
    "ipywidgets",
    "anywidget",
)
_INTERRUPTED = 130
"""Exit status after Ctrl-C, as of a shell: 128 and the signal's number."""
_TOLD = frozenset({"status", "action", "data", "error", "reason", "message"})
"""Fields of an event that ``tail`` shows after its type."""
_LONGEST = 200
"""Characters of them."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the process's exit status."""
    parser = argparse.ArgumentParser(prog="kgnb", description=__doc__)
    parser.add_argument(
        "--version", action="version", version=f"%(prog)s {__version__}"
    )
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("doctor", help="check this environment")
    _add_clients(commands)
    _add_serve(commands)
    reporting.add_parser(commands, _where())
    testing.add_parsers(commands, _where())
    llm.add_parser(commands)
    given = parser.parse_args(arguments)
    at_once: dict[str, Callable[[argparse.Namespace], int]] = {
        "doctor": lambda _: doctor(),
        "serve": _serve,
        "report": reporting.main,
        "llm": llm.main,
        **dict.fromkeys(testing.NAMES, testing.main),
    }
    try:
        if given.command in at_once:
            return at_once[given.command](given)
        work = _tail(given) if given.command == "tail" else _answer(given)
        return asyncio.run(work)
    except KgnbError as error:
        print(f"kgnb {given.command}: {error.code}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return _INTERRUPTED
    except BrokenPipeError:
        # Whoever read it has enough; the flush at exit must not complain of it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _where() -> argparse.ArgumentParser:
    """The arguments that say which server."""
    where = argparse.ArgumentParser(add_help=False)
    where.add_argument(
        "--url", help="of the server; without it, the one that runs on this machine"
    )
    where.add_argument(
        "--token",
        default=os.environ.get("JUPYTER_TOKEN"),
        help="of the server; also in the variable JUPYTER_TOKEN",
    )
    return where


def _add_clients(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    where = _where()
    tail = commands.add_parser(
        "tail",
        parents=[where],
        help="follow a run to its end",
        epilog="exits with 0 if the run completed, else with 1",
    )
    tail.add_argument("run", metavar="RUN", help="the run's id")
    tail.add_argument(
        "--since", type=int, metavar="N", help="begin after the event number N"
    )
    tail.add_argument(
        "--json", action="store_true", help="print events as they are sent"
    )
    answer = commands.add_parser("answer", parents=[where], help="answer a question")
    answer.add_argument("approval", metavar="APPROVAL", help="the question's id")
    answer.add_argument(
        "value", metavar="VALUE", help="JSON, or else the text as it stands"
    )
    answer.add_argument("--reason", help="shown beside the answer")


def _add_serve(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    serve = commands.add_parser(
        "serve",
        help="serve workflows, without Jupyter",
        epilog="for users of your own, and behind a proxy, write an application: "
        "see kgnb.server.asgi.create_app",
    )
    serve.add_argument(
        "target",
        metavar="MODULE[:NAME]",
        help="a graph or function of a module; or a module that calls kgnb.publish",
    )
    serve.add_argument("--name", help="of the workflow; by default NAME")
    serve.add_argument("--host", default="127.0.0.1", help="by default %(default)s")
    serve.add_argument(
        "--port",
        type=llm.port_number,
        default=8000,
        help="by default %(default)s; 0: any that is free",
    )
    serve.add_argument(
        "--token",
        default=os.environ.get("KGNB_TOKEN"),
        help="lets its holder in from other machines too; also in the variable "
        "KGNB_TOKEN. By default one that is printed, for this machine alone",
    )


# ---- serving


def _serve(given: argparse.Namespace) -> int:
    """Serve until Ctrl-C."""
    try:
        from kgnb.server.asgi.serving import (  # noqa: PLC0415  # an extra
            load,
            published_names,
            serve,
        )
    except ImportError as error:
        print(f"kgnb serve: {error}: pip install 'kgnb[fastapi]'", file=sys.stderr)
        return 1
    import kgnb  # noqa: PLC0415  # a graph needs the runtime, other commands do not

    try:
        found, name = load(given.target)
        if found is not None:
            kgnb.publish(given.name or name, found, default=True)
        elif not published_names():
            raise InvalidValue(
                f"{given.target!r} publishes nothing: name one of its graphs, as in "
                f"{given.target}:graph, or have it call kgnb.publish"
            )
        serve(host=given.host, port=given.port, token=given.token)
    except KgnbError as error:
        print(f"kgnb serve: {error}", file=sys.stderr)
        return 1
    return 0


# ---- runs and questions


def _connect(given: argparse.Namespace) -> AbstractAsyncContextManager[Client]:
    from kgnb.clients import connect, from_jupyter  # noqa: PLC0415  # doctor has no use

    return connect(given.url or from_jupyter(), token=given.token)


async def _tail(given: argparse.Namespace) -> int:
    """Print events up to the run's end; 0 if it completed."""
    async with _connect(given) as client:
        kind = ""
        async for event in client.events(run_id=given.run, since=given.since):
            kind = event["type"]
            if kind == "snapshot":  # of a run whose events are gone
                kind = f"workflow_{event['view']['status']}"
            print(json.dumps(event) if given.json else _line(event), flush=True)
    return 1 if kind in TERMINAL - {"workflow_completed"} else 0


def _line(event: dict[str, Any]) -> str:
    """One event in one line: number, time, what, where, and the rest, shortened."""
    if event["type"] == "snapshot":
        view = event["view"]
        head = [str(view["seq"]), "", "snapshot", view["status"]]
        return " ".join(part for part in head if part)
    clock = event.get("timestamp", "")[11:19]
    head = [f"{event['seq']:>5}", clock, event["type"], event.get("node_id", "")]
    told = {key: event[key] for key in event if key in _TOLD}
    text = told["data"] if told.keys() == {"data"} else told
    rest = text if isinstance(text, str) else json.dumps(text, ensure_ascii=False)
    if told:
        head.append(rest if len(rest) <= _LONGEST else rest[:_LONGEST] + "…")
    line = " ".join(part for part in head if part)
    # What a model wrote must not move the terminal's cursor.
    return "".join(sign if sign.isprintable() else " " for sign in line)


async def _answer(given: argparse.Namespace) -> int:
    """Answer a question; 0 once the answer counts."""
    try:
        value = json.loads(given.value)
    except ValueError:
        value = given.value
    async with _connect(given) as client:
        await client.answer(given.approval, value, reason=given.reason)
    print(f"answered: {json.dumps(value, ensure_ascii=False)}")
    return 0


# ---- doctor


def doctor() -> int:
    """Print what was found; 1 if something that should work does not."""
    for name in _PACKAGES:
        try:
            print(f"      {name} {version(name)}")
        except PackageNotFoundError:
            print(f"      {name} is not installed")
    is_well = True
    for is_ok, sentence in _findings():
        is_well = is_well and is_ok
        print(f"{'ok' if is_ok else 'MEND':<5} {sentence}")
    return 0 if is_well else 1


def _findings() -> Iterator[tuple[bool, str]]:
    yield _drawing()
    yield _server_extension()
    yield _lab_extension()
    yield from _servers()


def _servers() -> Iterator[tuple[bool, str]]:
    from kgnb.clients import probing  # noqa: PLC0415  # only where it is asked for

    yield from probing.link_of_kernel(os.environ)
    try:
        yield from probing.servers()
    except Unavailable as error:
        yield False, str(error)


def _drawing() -> tuple[bool, str]:
    from kgnb.drawing import draw  # noqa: PLC0415  # only where it is asked for

    spec = {
        "name": "probe",
        "start": "A",
        "nodes": [{"id": "A", "label": "A", "kind": "node", "path": []}],
        "edges": [],
    }
    if draw(spec) is None:
        return False, "graphs are listed, not drawn: pip install pygraphviz"
    return True, "graphs are drawn"


def _server_extension() -> tuple[bool, str]:
    from jupyter_core.paths import jupyter_config_path  # noqa: PLC0415  # only here

    for folder in jupyter_config_path():
        found = Path(folder) / "jupyter_server_config.d" / "kgnb.json"
        if found.is_file():
            try:
                settings = json.loads(found.read_text())
                enabled = settings["ServerApp"]["jpserver_extensions"].get("kgnb")
            except (OSError, ValueError, LookupError, TypeError, AttributeError):
                return False, f"{found} is not as Jupyter reads it: mend or delete it"
            if enabled:
                return True, f"the server extension is enabled by {found}"
            return False, f"the server extension is switched off in {found}"
    return False, (
        "the server extension is not enabled in this environment: "
        "pip install --force-reinstall kgnb, into the environment that runs Jupyter"
    )


def _lab_extension() -> tuple[bool, str]:
    from jupyter_core.paths import jupyter_path  # noqa: PLC0415  # only here

    for folder in jupyter_path("labextensions"):
        found = Path(folder) / "kgnb" / "package.json"
        if found.is_file():
            return True, f"the JupyterLab and Notebook extension is in {found.parent}"
    return False, (
        "the JupyterLab and Notebook extension is missing: "
        "pip install --force-reinstall kgnb, into the environment that runs Jupyter"
    )


if __name__ == "__main__":
    sys.exit(main())
