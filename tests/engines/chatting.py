"""A client of published chats, without a server: the in-kernel broker's."""

import json
import time

from kgnb.runtime import home

PATIENCE = 20.0
ENDS = ("workflow_completed", "workflow_failed", "workflow_cancelled", "error")


class Client:
    """Speaks with what this process publishes."""

    def __init__(self):
        self._at = 0
        self.frames = []
        self._home = home.current()
        port = self._home.link.submit(self._home._own_port()).result(5)

        def take(frame):
            self.frames.append(json.loads(frame))

        self._channel = self._home.on_link(
            lambda: port.conversation.open_channel("comm", take)
        )

    def send(self, **frame):
        data = json.dumps(frame).encode()
        self._home.on_link(lambda: self._channel.send(data))

    def wait(self, *kinds):
        """The next frame of one of these types; those before it are passed over."""
        found = []

        def is_there():
            found[:] = [
                i
                for i, frame in enumerate(self.frames[self._at :], self._at)
                if frame["type"] in kinds
            ]
            return bool(found)

        until = time.monotonic() + PATIENCE
        while not is_there():
            assert time.monotonic() < until, [f["type"] for f in self.frames]
            time.sleep(0.005)
        self._at = found[0] + 1
        return self.frames[found[0]]

    def say(self, message, session_id="s", workflow="chat"):
        """A message, and how the run that it starts ends."""
        del workflow
        self.send(session_id=session_id, message=message)
        return self.wait(*ENDS)

    def start(self, workflow="chat", session_id=None, **params):
        """How a run ends that is started with params."""
        named = {} if session_id is None else {"session_id": session_id}
        self.send(type="start_workflow", workflow=workflow, params=params, **named)
        return self.wait(*ENDS)

    @property
    def steps(self):
        return [frame for frame in self.frames if frame["type"] == "step"]

    @property
    def messages(self):
        """Of the last step, as ``role: content``."""
        return [f"{m['role']}: {m['content']}" for m in self.steps[-1]["messages"]]
