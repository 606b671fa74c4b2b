"""The MIME bundles of a run: one while it lives, one that stays.

What differs between two executions (id, times, people) is in the metadata,
which a notebook's comparison leaves out; the data is the same every time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from kgnb.drawing.text import label
from kgnb.panel.static import record_html, record_svg, record_text
from kgnb.protocol.moments import moments
from kgnb.protocol.record import answered_by, static_record, votes_by
from kgnb.protocol.view import RunView
from kgnb.runtime.cassette import Replay
from kgnb.runtime.process import allowed_transports

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kgnb.panel.ports import RunPort

MIME = "application/vnd.kgnb.run+json"
VERSION = 1
MAX_MOMENTS = 300
"""Of those that an output keeps; each is some 100 bytes."""

Bundle = tuple[dict[str, Any], dict[str, Any]]
"""Data and metadata of an output, both keyed by MIME type."""

TRANSPORTS = {
    "server": ("websocket", "control", "comm"),
    "kernel": ("control", "comm"),
}
"""Who keeps the log → ways to it, the best first."""


def live_bundle(run: RunPort, widget: Mapping[str, Any] | None = None) -> Bundle:
    """What is displayed while the run lives.

    Args:
        run: The run, which may not have had its first event yet.
        widget: The bundle of its widget, for front ends without the extension.
    """
    payload = live_payload(run)
    record = static_record(_begun(run))
    data: dict[str, Any] = {
        MIME: payload,
        "text/html": record_html(record),
        "text/plain": f"{label(run.workflow)}: run in progress",
    }
    if widget:
        data.update({k: v for k, v in widget.items() if k != "text/plain"})
    return data, {MIME: live_metadata(run)}


def live_payload(run: RunPort) -> dict[str, Any]:
    """The data that the live panel starts from; the rest comes from the log."""
    payload: dict[str, Any] = {
        "version": VERSION,
        "final": False,
        "name": run.workflow,
        "graph": msgspec.to_builtins(run.graph),
    }
    if run.panel == "compact":
        payload["compact"] = True
    return payload


def live_metadata(run: RunPort) -> dict[str, Any]:
    """Where the live panel finds its run."""
    allowed = allowed_transports()
    return {
        "run_id": run.id,
        "kernel_id": run.kernel_id,
        "log": run.log_host,
        "transports": [w for w in TRANSPORTS[run.log_host] if w in allowed],
        # Its panel offers no buttons: what it asks was answered long ago.
        **({"replay": True} if isinstance(run, Replay) else {}),
    }


def final_bundle(
    view: RunView | Mapping[str, Any],
    *,
    kernel_id: str | None = None,
    compact: bool = False,
    sign: bool = False,
) -> Bundle:
    """What stays in the notebook; its keys and data tell nothing of the host.

    Args:
        view: The run's last view.
        kernel_id: Goes into the metadata.
        compact: Whether the panel is the small one.
        sign: Whether the HTML names the run, its times and who answered.
    """
    payload = final_payload(view, compact=compact)
    record, metadata = payload["record"], final_metadata(view, kernel_id)
    data: dict[str, Any] = {
        MIME: payload,
        "text/html": record_html(record, signature=metadata if sign else None),
        "text/plain": record_text(record),
    }
    if svg := record_svg(record):
        data["image/svg+xml"] = svg
    return data, {MIME: metadata}


def final_payload(
    view: RunView | Mapping[str, Any], *, compact: bool = False
) -> dict[str, Any]:
    """The data that a finished panel is drawn from; it asks nobody."""
    record = static_record(view)
    payload = {"version": VERSION, "final": True, "record": record}
    return {**payload, "compact": True} if compact else payload


def final_metadata(
    view: RunView | Mapping[str, Any], kernel_id: str | None = None
) -> dict[str, Any]:
    """What only this execution can tell."""
    plain = view.to_dict() if isinstance(view, RunView) else view
    return {
        "run_id": plain["run_id"],
        "kernel_id": kernel_id,
        "started_at": plain["started_at"],
        "ended_at": plain["ended_at"],
        "durations": {
            name: node["duration"]
            for name, node in plain["nodes"].items()
            if node["duration"] is not None
        },
        "answered_by": answered_by(plain),
        **({"votes": votes} if (votes := votes_by(plain)) else {}),
        **({"moments": told[-MAX_MOMENTS:]} if (told := moments(plain)) else {}),
    }


def _begun(run: RunPort) -> RunView:
    """The view, or that of a run of which no event has come back yet."""
    if run.view.graph.nodes:
        return run.view
    return RunView(run_id=run.id, workflow=run.workflow, graph=run.graph)
