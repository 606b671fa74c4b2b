"""Lines of the log about connections: one each, whoever it was."""

import logging

import pytest

from kgnb.broker.peer import Identity, Peer
from kgnb.server.journal import Stay

HOSTILE = [
    "a\r\nINFO forged line",
    "\x1b[2J\x1b[31mred",
    "\u202eresrever",
    "%s %d %(x)s",
    "{0} {x}",
    '" code=1000 x="',
    "a\x00b\x7f\x85\u2028c",
]


def peer(user="ana"):
    return Peer(
        identity=Identity(user=user, name=user, kind="user"), role="view", via="page"
    )


def test_connection_is_told_at_its_beginning_and_once_at_its_end(caplog):
    times = iter([10.0, 12.5])
    with caplog.at_level(logging.INFO):
        stay = Stay(logging.getLogger("kgnb.test"), peer(), lambda: next(times))
        stay.end(4009)
        stay.end(1006)
    assert caplog.messages == [
        'kgnb connect kind=user user="ana" via=page role=view',
        'kgnb disconnect kind=user user="ana" via=page code=4009 seconds=2.500',
    ]


@pytest.mark.parametrize("name", HOSTILE)
def test_name_cannot_forge_a_line_or_a_field(caplog, name):
    with caplog.at_level(logging.INFO):
        Stay(logging.getLogger("kgnb.test"), peer(name)).end(1000)
    for message in caplog.messages:
        assert message.isprintable()
        assert message.count(" code=") == message.startswith("kgnb disconnect") + (
            name.count(" code=")
        )
    assert len(caplog.messages) == 2
