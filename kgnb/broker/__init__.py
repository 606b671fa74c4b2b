"""Connections, topics, cursors, approvals, commands, limits.

Process: server, or kernel without a server. Loop: the one that started the
driver; the core under it is sans-I/O and gets the time passed in.
"""

from kgnb.broker.core import Broker, Statistics
from kgnb.broker.driver import Attachment, BrokerDriver, LinkAttachment
from kgnb.broker.limits import BrokerLimits
from kgnb.broker.outbox import Outbox
from kgnb.broker.peer import Identity, OutFrame, Peer, Role, Sink, Voters
from kgnb.broker.rows import ApprovalRow, RunRow

__all__ = [
    "ApprovalRow",
    "Attachment",
    "Broker",
    "BrokerDriver",
    "BrokerLimits",
    "Identity",
    "LinkAttachment",
    "OutFrame",
    "Outbox",
    "Peer",
    "Role",
    "RunRow",
    "Sink",
    "Statistics",
    "Voters",
]
