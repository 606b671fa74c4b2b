"""The Jupyter host of the broker: a server extension, on when installed.

Process: server. Loop: Jupyter's tornado loop; nothing here blocks it.

``app`` wires and stops; ``handlers``, ``pages`` and ``api`` are the routes;
``sockets``, ``sendqueue`` and ``keepalive`` are what every socket does;
``kernels`` tells the broker which kernels have died. ``access``, ``addresses``,
``closecodes``, ``host``, ``logs`` and ``scrub`` know no tornado.
"""

from __future__ import annotations

from typing import Any


def _jupyter_server_extension_points() -> list[dict[str, Any]]:
    """What Jupyter Server loads."""
    from kgnb.server.app import KgnbApp  # noqa: PLC0415  # tornado only when served

    return [{"module": "kgnb.server", "app": KgnbApp}]
