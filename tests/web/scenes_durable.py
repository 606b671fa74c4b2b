"""Events of a durable run that is revised once, lost, and resumed; with their times."""

from datetime import UTC, datetime, timedelta

import scenes

BEGAN = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
EDIT = {"node_id": "Review", "action": "revise"}
ON = {"node_id": "Draft", "action": "default"}
CHECKED = {"node_id": "Check", "action": "default"}
KERNEL_DIED = "the kernel died"


def at(seconds, event):
    stamp = BEGAN + timedelta(seconds=seconds)
    text = stamp.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {**event, "timestamp": text}


def stamp(seconds):
    return at(seconds, {})["timestamp"]


def mark(seconds, percent):
    data = {"percent": percent, "current": percent / 25, "total": 4}
    event = {"type": "progress", "node_id": "Check", "task_id": "Check:1"}
    return at(seconds, {**event, "data": data})


def answered(seconds, value, approval="a1"):
    event = scenes.answered(value, approval)
    event["data"]["by"]["at"] = stamp(seconds)
    return at(seconds, event)


def revised():
    """To the second visit of Draft."""
    update = scenes.update
    return [
        at(0, scenes.started(durable=True)),
        at(0.1, update("Draft", 1, "running")),
        *(at(1.2, token) for token in scenes.tokens("Draft", 1, scenes.DRAFT)),
        at(3.2, update("Draft", 1, "completed", duration=3.1)),
        at(3.3, update("Check", 1, "running", via=ON)),
        mark(4.1, 25),
        mark(4.9, 50),
        mark(5.6, 100),
        at(5.7, update("Check", 1, "completed", duration=2.4)),
        at(5.8, update("Review", 1, "running", via=CHECKED)),
        at(5.9, update("Review", 1, "waiting")),
        at(5.9, scenes.ask()),
        answered(18.3, "revise"),
        at(18.4, update("Review", 1, "running")),
        at(18.5, update("Review", 1, "completed", action="revise", duration=12.7)),
        at(18.6, update("Draft", 2, "running", via=EDIT)),
    ]


def asked_again():
    update = scenes.update
    return [
        *revised(),
        *(at(19, token) for token in scenes.tokens("Draft", 2, scenes.DRAFT)),
        at(21.0, update("Draft", 2, "completed", duration=2.4)),
        at(21.1, update("Check", 2, "running", via=ON)),
        at(23.0, update("Check", 2, "completed", duration=1.9)),
        at(23.1, update("Review", 2, "running", via=CHECKED)),
        at(23.2, update("Review", 2, "waiting")),
        at(23.2, scenes.ask("a2", visit=2)),
    ]


def lost():
    """The kernel is killed while it waits for the second answer."""
    event = {"type": "workflow_lost", "reason": KERNEL_DIED, "resumable": True}
    return [*asked_again(), at(31, event)]


def resumed():
    """Answered meanwhile, and gone on with in another kernel."""
    update = scenes.update
    onward = {"node_id": "Review", "action": "publish"}
    return [
        *lost(),
        answered(40, "publish", "a2"),
        at(55, scenes.started(durable=True, resumed_from="r1")),
        at(55.1, update("Review", 2, "running")),
        at(55.2, scenes.ask("a2", visit=2)),
        answered(40, "publish", "a2") | {"timestamp": stamp(55.2)},
        at(55.4, update("Review", 2, "completed", action="publish", duration=0.3)),
        at(55.5, update("Publish", 1, "running", via=onward)),
    ]


def finished():
    update = scenes.update
    return [
        *resumed(),
        at(56.3, update("Publish", 1, "completed", duration=0.8)),
        at(56.4, {"type": "workflow_completed", "data": {"words": 59}}),
    ]
