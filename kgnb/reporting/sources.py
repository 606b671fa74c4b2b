"""Where a run is: in a file, on a server, or in a log that no server keeps."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import msgspec

from kgnb.broker.rows import CHECKPOINT
from kgnb.clients import addresses
from kgnb.clients.calls import call
from kgnb.errors import InvalidValue, KgnbError, NoSuchRun, Unavailable
from kgnb.graph.past import Past
from kgnb.protocol import codec
from kgnb.protocol import events as e
from kgnb.protocol.ids import RunId
from kgnb.protocol.view import RunView, fold
from kgnb.runtime.comparing.steps import MOST_STEPS, StateSteps
from kgnb.runtime.timetravel import history_of
from kgnb.storage import open_log
from kgnb.storage.sqlite import path_of
from kgnb.storage.urls import shown
from kgnb.testing.from_run import recorded_events

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable

    from kgnb.storage.base import Log, Record

TIMEOUT = 60.0
"""Seconds that a server has to tell a run."""
_PAGE = 1000
_NOT_DURABLE = (
    "This run kept no state, only what its nodes gave: kgnb.run(durable=True) keeps it."
)


@dataclass(frozen=True, slots=True)
class Source:
    """A run, wherever it is; what is asked for is read then."""

    name: str
    """Of a file of it, without a suffix."""
    view: Callable[[], RunView]
    events: Callable[[], list[e.AnyEvent]]
    """All of them: at least one."""
    states: Callable[[RunView], StateSteps | None]


def find(run: str, url: str | None, token: str | None, log: str | None) -> Source:
    """The run that a command names.

    Args:
        run: Its id, or the path of a recording.
        url: Of a server; None: the log, if there is one, or else the Jupyter server
            that runs on this machine.
        token: Of the server.
        log: URL of a log that no server keeps.

    Raises:
        Unavailable: No server runs.
        InvalidValue: There is no such recording, or several servers run.
    """
    path = Path(run)
    if path.exists() or path.suffix:
        return _in_file(path)
    if log and not url:
        return _in_log(run, log)
    return _on_server(run, url or addresses.from_jupyter(), token)


def _in_file(path: Path) -> Source:
    events = recorded_events(path)
    unknown = StateSteps(reason="What nodes share is not recorded.")
    return Source(
        path.stem, lambda: _folded(events), lambda: events, lambda _view: unknown
    )


def _folded(events: Iterable[e.AnyEvent]) -> RunView:
    view = RunView()
    for event in events:
        fold(view, event)
    return view


class _Detail(msgspec.Struct):
    """What a server tells of a run; see ``kgnb.server.calls.shapes``."""

    view: RunView


def _on_server(run_id: str, where: str | addresses.Server, token: str | None) -> Source:
    address = addresses.address_of(where, token=token)
    pages = addresses.pages_of(address)
    path = f"api/runs/{quote(run_id, safe='')}"

    def read(path: str) -> bytes:
        is_local = address.is_local
        return call(pages, path, address.token, timeout=TIMEOUT, is_local=is_local)

    def view() -> RunView:
        return msgspec.json.decode(read(path), type=_Detail).view

    def events() -> list[e.AnyEvent]:
        lines = read(f"{path}/trace.jsonl").split(b"\n")
        found = [codec.decode_event(line) for line in lines if line]
        if not found or not isinstance(found[0], e.WorkflowStarted):
            raise Unavailable(
                f"run {run_id!r}: the log no longer has its first events; --format "
                f"html tells what they came to"
            )
        return found

    return Source(run_id, view, events, lambda _view: None)


def _in_log(run_id: str, url: str) -> Source:
    events, records = asyncio.run(_stored(run_id, url))
    if not events:
        raise NoSuchRun(f"no run {run_id!r} in the log at {shown(url)}")

    def states(view: RunView) -> StateSteps:
        if not records:
            return StateSteps(reason=_NOT_DURABLE)
        try:
            past = Past(run_id, records)
            start, origin = view.graph.start, view.forked_from
            found = history_of(past, MOST_STEPS + 1, start=start, origin=origin)
            return StateSteps.of(found)
        except KgnbError as error:
            return StateSteps(reason=f"What nodes shared cannot be read here: {error}.")

    return Source(run_id, lambda: _folded(events), lambda: events, states)


async def _stored(
    run_id: str, url: str
) -> tuple[list[e.AnyEvent], list[tuple[int, bytes]]]:
    """A run's events and checkpoints, read as they lie there."""
    log, key = _log_at(url), RunId(run_id)
    await log.open()
    try:
        events = [
            codec.decode_event(codec.with_seq(bytes(each.payload), each.seq, key))
            async for each in _records(log, f"run/{run_id}")
        ]
        records = [
            (each.seq, bytes(each.payload))
            async for each in _records(log, f"{CHECKPOINT}{run_id}")
        ]
    finally:
        await log.aclose()
    return events, records


async def _records(log: Log, stream: str) -> AsyncIterator[Record]:
    after = 0
    while page := await log.read(stream, after, _PAGE):
        for record in page:
            yield record
        after = page[-1].seq


def _log_at(url: str) -> Log:
    """A log that is there: a file that is not would be made."""
    try:
        if url.startswith("sqlite://") and not path_of(url).is_file():
            raise InvalidValue(f"--log: there is no log at {shown(url)}")
        return open_log(url)
    except ValueError as error:
        raise InvalidValue(f"--log: {error}") from None
