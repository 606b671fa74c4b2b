"""A kernel's end of a link, and the run of one letter that it tells of."""

from server_harness import Talk

RUN = "feedfacefeedfacefeedfacefeedface"
APPROVAL = "a" * 20
HELLO = {"type": "hello", "kernel_id": "k1", "process_id": "p1", "pid": 4711}


def event(kind, **fields):
    return {
        "type": kind,
        "run_id": RUN,
        "workflow": "article",
        "timestamp": "2026-11-21T03:40:44.123Z",
        **fields,
    }


STARTED = event("workflow_started")
TOKEN_EVENT = event(
    "token", node_id="Draft", task_id="Draft:1", stream="Draft:1.1/1", data="Hello "
)
REQUEST = event(
    "approval_request",
    node_id="Review",
    task_id="Review:1",
    data={
        "approval_id": APPROVAL,
        "args_hash": "b" * 32,
        "message": "Publish?",
        "options": ["publish", "revise"],
    },
)
COMPLETED = event("workflow_completed", data="done")


class Kernel(Talk):
    """A kernel's end of a link."""

    def __init__(self, socket):
        super().__init__(socket)
        self.n = 0

    async def greet(self, **fields):
        await self.say(**HELLO | fields)
        return await self.hear("welcome")

    async def append(self, *events):
        await self.say(
            type="append", run_id=RUN, epoch=1, n=self.n + 1, events=list(events)
        )
        self.n += len(events)
        return await self.hear("appended", "refused")
