"""``kgnb llm``, and ``python -m kgnb.llm``: the arguments, and what is told."""

from __future__ import annotations

import argparse
import sys
import time
from typing import TYPE_CHECKING

from kgnb.errors import KgnbError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kgnb.llm.endpoints import Endpoint

_LAST_PORT = 65_535


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to ``kgnb``'s."""
    add_steps(commands.add_parser("llm", help="recorded and small models, with no key"))


def add_steps(parser: argparse.ArgumentParser) -> None:
    """Add what the command can do."""
    steps = parser.add_subparsers(dest="step", required=True)
    steps.add_parser(
        "setup",
        help="install a small model, for KGNB_LLM=local",
        epilog="127 MB are downloaded, once; KGNB_MODELS says where the model lies",
    )
    listening = _listening()
    serve = steps.add_parser(
        "serve", parents=[listening], help="serve the small model as OpenAI's API"
    )
    serve.add_argument(
        "--threads",
        type=int,
        default=1,
        help="to compute with, by default 1; more help only on an idle machine",
    )
    replay = steps.add_parser(
        "replay",
        parents=[listening],
        help="serve recordings as OpenAI's API",
        epilog="without a file: the recordings that come with kgnb",
    )
    replay.add_argument(
        "files", nargs="*", metavar="FILE", help="by kgnb.run(record=) or kgnb.Cassette"
    )
    replay.add_argument(
        "--speed",
        type=float,
        default=1.0,
        help="by default 1, the real timing; 0 waits for nothing",
    )
    replay.add_argument(
        "--host",
        default="127.0.0.1",
        help="by default %(default)s, which other machines cannot reach",
    )


def _listening() -> argparse.ArgumentParser:
    listening = argparse.ArgumentParser(add_help=False)
    listening.add_argument(
        "--port", type=port_number, default=0, help="by default any that is free"
    )
    listening.add_argument(
        "--key", help="that clients must know; by default a random one is told"
    )
    return listening


def port_number(text: str) -> int:
    """The port that an argument says; for argparse, whose errors it raises."""
    port = int(text)
    if not 0 <= port <= _LAST_PORT:
        raise argparse.ArgumentTypeError(f"expected 0 to {_LAST_PORT}, got {port}")
    return port


def main(given: argparse.Namespace) -> int:
    """Do a step; returns the process's exit status."""
    try:
        if given.step == "setup":
            return _setup()
        return _serve(given) if given.step == "serve" else _replay(given)
    except KgnbError as error:
        print(f"kgnb llm {given.step}: {error}", file=sys.stderr)
        return 1


def _setup() -> int:
    from kgnb.llm.installing import setup  # noqa: PLC0415  # other steps have no use

    try:
        setup()
    except KeyboardInterrupt:
        print("kgnb llm setup: interrupted; nothing half is left", file=sys.stderr)
        return 1
    print("try it: KGNB_LLM=local jupyter lab, or kgnb llm serve")
    return 0


def _serve(given: argparse.Namespace) -> int:
    from kgnb.llm.localserver import local  # noqa: PLC0415  # likewise

    with local(port=given.port, api_key=given.key, threads=given.threads) as server:
        _tell(f"{server.model}, live", server.endpoint)
        _wait()
    return 0


def _replay(given: argparse.Namespace) -> int:
    from kgnb.llm.replaying import ReplayServer  # noqa: PLC0415  # it loads tornado

    with ReplayServer(
        given.files,
        speed=given.speed,
        host=given.host,
        port=given.port,
        api_key=given.key,
    ) as server:
        _tell(f"recorded from {', '.join(server.models)}", server.endpoint)
        for prompt in server.prompts:
            print(f"  {prompt!r:.100}")
        sys.stdout.flush()
        _wait()
    return 0


def _tell(what: str, where: Endpoint) -> None:
    print(
        f"{what}, until Ctrl-C. For OpenAI's clients, and kgnb's tutorials:\n"
        f"export OPENAI_BASE_URL={where.base_url} OPENAI_API_KEY={where.api_key}\n"
        f"export KGNB_LLM={where.base_url} KGNB_LLM_KEY={where.api_key} "
        f"KGNB_LLM_MODEL={where.model}",
        flush=True,
    )


def _wait() -> None:
    """Until Ctrl-C; the servers have threads of their own."""
    try:
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        print()


def run(arguments: Sequence[str] | None = None) -> int:
    """``python -m kgnb.llm``: the command alone."""
    parser = argparse.ArgumentParser(prog="kgnb llm")
    add_steps(parser)
    return main(parser.parse_args(arguments))
