"""A record as plain text, for a terminal, a diff and a reader of the file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kgnb.drawing.text import one_line, plain
from kgnb.panel.painting import WORDS, times
from kgnb.panel.summary import (
    RUN_WORDS,
    Names,
    edge_words,
    final_result,
    message_title,
    outcome_words,
    progress_words,
    question,
    stream_facts,
    stream_title,
    usage_words,
)
from kgnb.panel.text import columns, shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_RULE = "─"


def record_text(record: Mapping[str, Any]) -> str:
    """The whole record in lines, without trailing blanks.

    Args:
        record: What :func:`kgnb.protocol.record.static_record` gives.
    """
    names = Names.of(record)
    status = RUN_WORDS[record["status"]]
    usage = usage_words(record.get("usage"))
    head = f"{one_line(record['workflow'])}: {status}"
    lines = [f"{head}, {usage}" if usage else head, *_nodes(record, names)]
    lines += _edges(record, names)
    lines += _error(record, names)
    for stream in record["streams"]:
        title = stream_title(stream, names) + stream_facts(stream)
        lines += _block(title, stream["text"])
        for word, text in outcome_words(stream):
            lines += _block(word, text)
    for approval in record["approvals"]:
        lines += _question(approval, names)
    for node, value in record["results"].items():
        lines += _block(f"Result of {names.node(node)}", shown(value))
    if (result := final_result(record)) is not None:
        lines += _block("Result", shown(result))
    for message in record["messages"]:
        lines += _block(message_title(message), shown(message["content"]))
    for update in record.get("custom", ()):
        title = f"{names.node(update['node_id'])}, {one_line(update['type'])}"
        lines += _block(title, shown(update["data"]))
    for log in record["logs"]:
        level = f" {one_line(log['level'])}" if log["level"] else ""
        title = f"{names.node(log['node_id'])}, {log['stream']}{level}"
        lines += _block(title, log["text"])
    return "\n".join(line.rstrip() for line in lines)


def _nodes(record: Mapping[str, Any], names: Names) -> Iterator[str]:
    room = max((columns(names.node(node)) for node in record["nodes"]), default=0)
    for node_id, node in record["nodes"].items():
        name = names.node(node_id)
        pad = " " * (room - columns(name))
        parts = [f"  {name}{pad}  {WORDS[node['status']]}", times(node["visits"])]
        parts.append(progress_words(node.get("progress")))
        parts.append(usage_words(node.get("usage")))
        line = " ".join(part for part in parts if part)
        error = node.get("error")
        yield f"{line}: {one_line(error['message'])}" if error else line


def _edges(record: Mapping[str, Any], names: Names) -> Iterator[str]:
    if not record["edges"]:
        return
    yield ""
    for edge in record["edges"]:
        yield f"  {edge_words(edge, names)} {times(edge['count'])}"


def _error(record: Mapping[str, Any], names: Names) -> Iterator[str]:
    error = record["error"]
    if error:
        where = f" in {names.node(error['node_id'])}" if error.get("node_id") else ""
        yield from _block(f"Error{where} ({one_line(error['code'])})", error["message"])


def _question(approval: Mapping[str, Any], names: Names) -> Iterator[str]:
    told = question(approval, names)
    yield from _block(f"{told.title} asks", told.message)
    if told.payload:
        yield ""
        yield from _indented(told.payload)
    if told.edited:
        yield "  changed to:"
        yield from _indented(told.edited)
    if told.rules:
        yield f"  {told.rules}"
    if told.options:
        yield ""
        yield "  " + " ".join(
            f"[✓ {one_line(option)}]"
            if index == told.chosen
            else f"[{one_line(option)}]"
            for index, option in enumerate(told.options)
        )
    yield f"  {told.outcome}: {told.value}" if told.value else f"  {told.outcome}"
    if told.reason:
        yield f"  Reason: {one_line(told.reason)}"


def _block(title: str, text: str) -> Iterator[str]:
    yield ""
    yield f"{_RULE * 2} {title} {_RULE * max(2, 56 - columns(title))}"
    yield from _indented(text)


def _indented(text: str) -> Iterator[str]:
    for line in plain(text).splitlines():
        yield f"  {line}"
