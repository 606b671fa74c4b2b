"""A kernel's connection manager made of frames, and clients that have names."""

import itertools

from kgnb.broker import Identity, Peer

ALERT = {"type": "system_alert", "message": "High CPU usage detected"}


def named(client_id="phone", user="alice", *, may_join=True, **fields):
    return Peer(
        identity=Identity(user=user, name=user.title()),
        role="start",
        client_id=client_id,
        may_join=may_join,
        **fields,
    )


class Manager:
    """Orders and their answers."""

    def __init__(self, kernel):
        self.kernel = kernel
        self.numbers = itertools.count(1)

    def order(self, **frame):
        n = frame.setdefault("n", next(self.numbers))
        self.kernel.send(**frame)
        answers = [f for f in self.kernel.take("handled") if f["n"] == n]
        return answers[0] if answers else None

    def post(self, to, message=ALERT, **fields):
        return self.order(type="post", to=to, message=message, **fields)

    def group(self, name, text="hi", **fields):
        return self.post("group", {"type": "note", "text": text}, name=name, **fields)

    def enrol(self, client_id, name, kind="group", *, is_member=True):
        return self.order(
            type="enrol", kind=kind, name=name, client_id=client_id, is_member=is_member
        )


def texts(client):
    return [f["text"] for f in client.take("note")]


def joined(host, peer, *groups):
    """A client of that peer, which is in these groups."""
    client = host.client(peer)
    for group in groups:
        client.send(type="join_group", group=group)
    client.take()
    return client
