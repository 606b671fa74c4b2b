"""The panel as a widget, for one's own layouts and for other front ends.

Process: kernel. Importing it loads ipywidgets, so only its users do. It works
by its own comm and nothing else; beside a busy kernel the page's other ways
are better, and its JavaScript takes those first where they are there.
"""

from __future__ import annotations

import threading
import time
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import anywidget
import traitlets

from kgnb.panel.bundle import (
    final_metadata,
    final_payload,
    live_metadata,
    live_payload,
)
from kgnb.panel.pump import Pump
from kgnb.panel.relay import Relay
from kgnb.protocol.view import ENDED

if TYPE_CHECKING:
    from collections.abc import Callable

    from kgnb.panel.ports import RunPort
    from kgnb.protocol.view import RunView

FRAME_INTERVAL = 1 / 30
"""Seconds between two messages to the browser."""
TRAIT_INTERVAL = 0.1
"""Seconds between two changes of a trait."""


def _asset(name: str) -> str:
    return files("kgnb").joinpath("web", name).read_text("utf-8")


class Panel(anywidget.AnyWidget):
    """A live view of one run, for use inside VBox, Tab and Output.

    Observers are called on a thread of the panel, in the context of the cell
    that made it.

    Args:
        run: A run, living or ended.

    Attributes:
        status: The run's status, e.g. ``"waiting"``.
        progress: Per cent: what the working node reported last; 100 at the end
            of a run that completed.
        text: The newest stream so far.
        approvals: The open approvals, as dicts (``approval_id``, ``node_id``,
            ``message``, ``options``, ``payload``, ``kind``).
    """

    _esm = _asset("kgnb.js")
    _css = _asset("kgnb.css")
    _bundle = traitlets.Dict().tag(sync=True)
    _metadata = traitlets.Dict().tag(sync=True)
    status = traitlets.Unicode("running").tag(sync=True)
    progress = traitlets.Float(0.0).tag(sync=True)
    # Not synced: whole texts at 10 Hz cost 78 MB where joined tokens cost 0.2.
    text = traitlets.Unicode("")
    approvals = traitlets.List(traitlets.Dict())

    def __init__(self, run: RunPort, **kwargs: Any) -> None:
        self._run = run
        self._closing = threading.Lock()
        self._owns_layout = "layout" not in kwargs
        view = run.view
        self._is_live = view.status not in ENDED
        self._read_at = 0.0
        self._stop_listening: Callable[[], None] = _nothing
        self._pump = Pump(self._work, FRAME_INTERVAL)
        self._relay = Relay(run, self._pump.wake)
        super().__init__(**self._data(), **kwargs)
        self.on_msg(self._on_message)
        if self._is_live:
            self._pump.start()
            self._stop_listening = run.on_change(self._pump.wake)
            self._pump.wake()  # for what happened before it listened
        else:
            self._read(view)

    def __repr__(self) -> str:
        return f"Panel({self._run.workflow!r})"

    def view_bundle(self) -> dict[str, Any]:
        """The data by which a front end draws the widget."""
        bundle: Any = self._repr_mimebundle_()
        # anywidget gives (data, metadata), ipywidgets the data alone.
        return dict(bundle[0] if isinstance(bundle, tuple) else bundle)

    def close(self) -> None:
        """Take the widget away; the run goes on."""
        self._end()
        if self._owns_layout:
            self.layout.close()  # ipywidgets leaves it, a model for each run
        super().close()

    def _data(self) -> dict[str, Any]:
        run, compact = self._run, self._run.panel == "compact"
        if self._is_live:
            return {"_bundle": live_payload(run), "_metadata": live_metadata(run)}
        return {
            "_bundle": final_payload(run.view, compact=compact),
            "_metadata": final_metadata(run.view, run.kernel_id),
        }

    def _on_message(self, _widget: Any, content: Any, _buffers: Any) -> None:
        """Runs on whatever thread the kernel chose; only hands on."""
        self._relay.take(content)

    def _work(self) -> bool:
        """On the pump's thread: send what waits, then bring the traits up to date."""
        for message in self._relay.messages():
            self.send(message)
        now = time.monotonic()
        if now - self._read_at < TRAIT_INTERVAL:
            self._pump.wake()  # again in a moment
            return True
        self._read_at = now
        view = self._run.view
        self._read(view)
        if view.status not in ENDED:
            return True
        self._is_live = False
        data = self._data()
        self._metadata = data["_metadata"]
        self._bundle = data["_bundle"]
        self._end()
        return False

    def _read(self, view: RunView) -> None:
        self.progress = _progress(view, self.progress)
        self.text = view.streams[-1].text if view.streams else ""
        self.approvals = [
            {
                "approval_id": approval.approval_id,
                "node_id": approval.node_id,
                "message": approval.message,
                "options": approval.options,
                "payload": approval.payload,
                "kind": approval.kind,
            }
            for approval in list(view.approvals)  # another thread adds
            if approval.state == "open"
        ]
        self.status = view.status

    def _end(self) -> None:
        with self._closing:
            stop_listening, self._stop_listening = self._stop_listening, _nothing
        stop_listening()
        self._pump.stop()
        self._relay.close()


def _nothing() -> None:
    """Where there is nothing to stop listening to."""


def _progress(view: RunView, before: float) -> float:
    if view.status == "completed":
        return 100.0
    for node in reversed(list(view.nodes.values())):  # another thread adds
        if node.status == "running" and node.progress is not None:
            return node.progress.percent
    return before
