"""Scenes with many things at once: streams, retries, items, loops."""

import scenes

ENGLISH = (
    "Twice a day the water climbs the shore and falls back again, drawn by the Moon. "
)
GERMAN = (
    "Zweimal am Tag steigt das Wasser an den Strand und zieht sich wieder zurück. 🌊 "
)
THOUGHT = "The reader wants one plain paragraph. Name the Moon first, then the Sun."
USAGE = {
    "input_tokens": 412,
    "output_tokens": 96,
    "total_tokens": 508,
    "cached_tokens": 0,
    "reasoning_tokens": 20,
}


def say(stream, text, *, node="Draft", attempt=1, local="1", final=True, **extra):
    """All of a text in one frame; ``stream`` is its name, or None."""
    item = extra.get("item")
    prefix = "" if item is None else f"{item}."
    event = {
        "type": "token",
        "node_id": node,
        "task_id": f"{node}:1",
        "attempt": attempt,
        "stream": f"{node}:1.{attempt}/{prefix}{stream or local}",
        "data": text,
        "kind": "text",
        "final": final,
        **extra,
    }
    return {**event, "name": stream} if stream else event


def call(number, name, arguments, stream=None, **extra):
    ref = {"number": number, "name": name}
    return say(stream, arguments, kind="tool_call", call=ref, **extra)


def one():
    """A retry in full: the first attempt broke off."""
    half = scenes.DRAFT[:140]
    return [
        scenes.started(),
        scenes.update("Draft", 1, "running"),
        say(None, half),
        scenes.update("Draft", 1, "retrying", message="attempt 1 failed"),
        scenes.update("Draft", 1, "running", attempt=2),
        say(None, THOUGHT, attempt=2, kind="reasoning", final=False),
        say(None, scenes.DRAFT, attempt=2, final=False),
        call(1, "search_tide_tables", '{"port": "Brest", "days": 3}', attempt=2),
        say(None, "", attempt=2, index=len(scenes.DRAFT), usage=USAGE),
    ]


def beside(count=4):
    """Several labelled streams of one visit, some still open."""
    names = ["english", "deutsch", "français", "日本語"]
    events = [scenes.started(), scenes.update("Draft", 1, "running")]
    for at in range(count):
        name = names[at] if at < len(names) else f"reader {at + 1}"
        text = (ENGLISH if at % 2 == 0 else GERMAN) * (1 + at % 4)
        is_done = at % 3 == 0
        usage = {"usage": USAGE} if is_done else {}
        events.append(say(name, text, final=is_done, **usage))
    return events


def bar(percent, current, total, **more):
    return {
        "type": "progress",
        "node_id": "Check",
        "task_id": "Check:1",
        "data": {"percent": percent, "current": current, "total": total, **more},
    }


def items(count=40):
    """A batch whose items run side by side, with loops within some."""
    events = [
        scenes.started(),
        scenes.update("Check", 1, "running"),
        bar(30, 12, count, label="claims", rate=2.4, remaining=11.7, elapsed=5.0),
        bar(40, 4, 10, track="1.1", label="pages", rate=0.25, remaining=24.0),
        bar(70, 7, 10, track="2", label="images", rate=18.2, remaining=0.2),
    ]
    for at in range(count):
        percent = 100 if at < 12 else (at * 37) % 95 if at < 24 else 0
        more = {"message": "ValueError: no source"} if at == 5 else {}
        event = bar(percent, None, None, item=str(at), **more)
        events.append({**event, "attempt": 2} if at == 20 else event)
    return events
