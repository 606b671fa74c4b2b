"""The server's figures: as JSON, and as the series that Prometheus scrapes.

Label sets are bounded: the only label is a run's status. No series names a run, a
workflow or a person.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, get_args

import msgspec
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from kgnb.broker.memory import resident_bytes
from kgnb.protocol.view import RunStatus

if TYPE_CHECKING:
    from collections.abc import Iterable

    from prometheus_client import Metric

    from kgnb.broker.driver import BrokerDriver
    from kgnb.server.host import Host


def queued_bytes(host: Host) -> int:
    """Bytes in the send queues of all sockets and readers."""
    return sum(socket.queued_bytes for socket in host.sockets)


def of_server(host: Host) -> dict[str, Any]:
    """What is this server's own, also where another one has the broker."""
    own: dict[str, Any] = {
        "max_connections": host.settings.max_connections,
        "send_queue_bytes": queued_bytes(host),
        "rss_bytes": resident_bytes(),
    }
    if host.server:
        own |= {"server": host.server, "role": host.role, "sockets": len(host.sockets)}
    return own


def of_broker(driver: BrokerDriver) -> dict[str, Any]:
    """What a broker knows: the documents' four fields, then ours."""
    counts = driver.statistics()
    store = driver.store()
    return {
        "active_connections": counts.connections,
        "total_messages": counts.total_messages,
        "uptime": round(counts.uptime, 3),
        "clients": msgspec.to_builtins(driver.clients()),
        "links": counts.links,
        "channels": counts.channels,
        "runs": counts.runs,
        "runs_stored": counts.runs_stored,
        "open_approvals": counts.open_approvals,
        "store_pool_size": store.pool_size,
        "store_pool_in_use": store.pool_in_use,
        "store_waiting": store.waiting,
        "store_healthy": driver.is_healthy,
        "store_outages": store.trouble.outages,
        "store_refused": store.trouble.refused,
        "store_doubted": store.trouble.doubted,
    }


class Series(Collector):
    """The same figures as Prometheus series; none while the broker is not there.

    Of several servers each tells its own; what the broker knows the leader tells alone.
    """

    def __init__(self, host: Host) -> None:
        self._host = host

    def collect(self) -> Iterable[Metric]:
        """The figures of this moment. On the server's loop, as Jupyter calls it."""
        if self._host.doors is None:
            return
        driver = self._host.driver
        known = of_server(self._host) | (of_broker(driver) if driver else {})
        known["leads"] = None if known.get("role") is None else driver is not None
        for name, key, text in _GAUGES:
            if known.get(key) is not None:
                yield GaugeMetricFamily(f"kgnb_{name}", text, value=float(known[key]))
        if driver is None:
            return  # the rest is the leader's to tell
        for name, key, text in _COUNTERS:
            yield CounterMetricFamily(f"kgnb_{name}", text, value=known[key])
        by_status = Counter(row.status for row in driver.runs())
        runs = GaugeMetricFamily(
            "kgnb_runs", "Runs in the log, by status.", labels=["status"]
        )
        for status in get_args(RunStatus):
            runs.add_metric([status], by_status[status])
        yield runs


_GAUGES = (
    ("connections", "active_connections", "Clients' sockets and event readers."),
    ("max_connections", "max_connections", "How many there may be."),
    ("links", "links", "Kernels that are connected."),
    ("channels", "channels", "Clients that kernels carry over their links."),
    ("open_approvals", "open_approvals", "Questions that nobody has answered."),
    ("uptime_seconds", "uptime", "Since the broker's start."),
    ("sockets", "sockets", "Of several servers: what is connected to this one."),
    ("leads", "leads", "Of several servers: whether this one has the broker."),
    ("send_queue_bytes", "send_queue_bytes", "That wait for slow readers."),
    ("resident_memory_bytes", "rss_bytes", "Of the whole server process."),
    ("store_pool_size", "store_pool_size", "Calls that the log takes at once."),
    ("store_pool_in_use", "store_pool_in_use", "Calls of the log under way."),
    ("store_waiting", "store_waiting", "Transactions and reads that wait for it."),
    ("store_healthy", "store_healthy", "Whether the log takes what it is given."),
)
"""Name, figure, help."""
_COUNTERS = (
    ("messages_sent", "total_messages", "Frames sent to clients and kernels."),
    ("store_outages", "store_outages", "Times that the log began to fail."),
    ("store_refused", "store_refused", "Transactions that the log did not store."),
    ("store_doubted", "store_doubted", "Those that it did not answer in time."),
)
"""Likewise."""


def prometheus_text(series: Series) -> bytes:
    """Our own series alone, in Prometheus' text format."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(series)
    return generate_latest(registry)
