"""Events of a believable run, for the harness: one list per moment of it."""

from kgnb.drawing import draw

DRAFT = (
    "The tides are the slow breathing of the ocean. Twice a day the water climbs the "
    "shore and falls back again, drawn by the Moon as it passes overhead and, more "
    "weakly, by the Sun. When the two pull along one line, at new and full moon, the "
    "spring tides rise highest; at the quarters they pull across each other, and the "
    "neap tides barely stir the harbour."
)


def graph(**extra):
    spec = {
        "name": "article",
        "start": "Draft",
        "nodes": [
            {"id": "Draft", "label": "Draft", "kind": "node", "path": []},
            {"id": "Check", "label": "Check facts", "kind": "batch", "path": []},
            {"id": "Review", "label": "Review", "kind": "node", "path": []},
            {"id": "Publish", "label": "Publish", "kind": "node", "path": []},
        ],
        "edges": [
            {"source": "Draft", "target": "Check", "action": "default"},
            {"source": "Check", "target": "Review", "action": "default"},
            {"source": "Review", "target": "Publish", "action": "publish"},
            {"source": "Review", "target": "Draft", "action": "revise"},
        ],
        **extra,
    }
    return {**spec, "svg": draw(spec)}


def started(**extra):
    return {"type": "workflow_started", "graph": graph(), "params": {}, **extra}


def update(node, visit, status, **extra):
    task = f"{node}:{visit}"
    return {
        "type": "node_update",
        "node_id": node,
        "task_id": task,
        "attempt": 1,
        "status": status,
        **extra,
    }


def tokens(node, visit, text, *, size=24, kind="text", final=True):
    pieces = [text[at : at + size] for at in range(0, len(text), size)]
    return [
        {
            "type": "token",
            "node_id": node,
            "task_id": f"{node}:{visit}",
            "attempt": 1,
            "stream": f"{node}:{visit}.1/1",
            "index": at * size,
            "data": piece,
            "kind": kind,
            "final": final and at == len(pieces) - 1,
        }
        for at, piece in enumerate(pieces)
    ]


def ask(approval="a1", node="Review", visit=1, **data):
    return {
        "type": "approval_request",
        "node_id": node,
        "task_id": f"{node}:{visit}",
        "attempt": 1,
        "data": {
            "approval_id": approval,
            "args_hash": f"hash-{approval}",
            "message": "Is this draft fit to publish?",
            "options": ["publish", "revise"],
            "payload": DRAFT,
            **data,
        },
    }


def log(node, text, stream="stdout", level=None):
    data = {"stream": stream, "text": text}
    if level:
        data["level"] = level
    return {"type": "log", "node_id": node, "task_id": f"{node}:1", "data": data}


def item(node, name, percent, current=None, total=None):
    data = {"item": name, "percent": percent, "current": current, "total": total}
    return {"type": "progress", "node_id": node, "task_id": f"{node}:1", "data": data}


def failed_item(node, name, message):
    data = {"percent": 100, "item": name, "message": message}
    data |= {"closed": True, "failed": True}
    return {"type": "progress", "node_id": node, "task_id": f"{node}:1", "data": data}


def drafting():
    half = DRAFT[: len(DRAFT) // 2]
    return [
        started(),
        update("Draft", 1, "running"),
        *tokens("Draft", 1, half, final=False),
    ]


def checking():
    return [
        started(),
        update("Draft", 1, "running"),
        log("Draft", "asking the model\n"),
        *tokens("Draft", 1, DRAFT),
        update("Draft", 1, "completed", duration=3.214),
        update("Check", 1, "running", via={"node_id": "Draft", "action": "default"}),
        log("Check", "3 claims\n"),
        log("Check", "the source is slow", "logging", "WARNING"),
        item("Check", "twice a day", 100, 4, 4),
        item("Check", "spring tides", 50, 2, 4),
        item("Check", "neap tides", 0, 0, 4),
        {
            "type": "progress",
            "node_id": "Check",
            "task_id": "Check:1",
            "data": {"percent": 33, "current": 1, "total": 3, "message": "checking"},
        },
    ]


def paused():
    """Held at a breakpoint, with work done before it."""
    return [*checking(), {"type": "workflow_paused", "before": "Publish"}]


def waiting():
    return [
        *checking(),
        item("Check", "spring tides", 100, 4, 4),
        item("Check", "neap tides", 100, 4, 4),
        update("Check", 1, "completed", duration=1.9),
        update("Review", 1, "running", via={"node_id": "Check", "action": "default"}),
        update("Review", 1, "waiting"),
        ask(),
    ]


def answered(value="publish", approval="a1"):
    return {
        "type": "approval_resolved",
        "node_id": "Review",
        "data": {
            "approval_id": approval,
            "outcome": "answered",
            "value": value,
            "by": {"user": "Ada", "via": "panel", "at": "2026-11-21T03:41:00.000Z"},
        },
    }


def finished():
    done = {"url": "https://example.org/tides", "words": len(DRAFT.split())}
    return [
        *waiting(),
        answered(),
        update("Review", 1, "completed", action="publish", duration=12.4),
        update("Publish", 1, "running", via={"node_id": "Review", "action": "publish"}),
        update("Publish", 1, "completed", duration=0.3),
        {"type": "result", "node_id": "Publish", "data": done},
        {"type": "workflow_completed", "data": done},
    ]
