"""The wire's page says what the code does: its tables and lists, compared."""

import re
from pathlib import Path
from typing import get_args

import pytest
from traitlets import Undefined

from kgnb.errors import CODES
from kgnb.protocol import asyncapi, commands, events, link, replies
from kgnb.protocol.topics import TOPICS
from kgnb.server import closecodes
from kgnb.server.app import KgnbApp
from kgnb.server.calls.openapi import ALIASES
from kgnb.server.calls.table import ROUTES

PAGE = (Path(asyncapi.__file__).parent / "README.md").read_text()


def section(title):
    """The text under a heading, up to the next of the same rank."""
    found = re.search(
        rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL
    )
    assert found, title
    return found[1]


def first_cells(text):
    """The first column of the tables in a text."""
    return [
        row.split(" | ")[0].strip("| ") for row in text.splitlines() if row[:1] == "|"
    ]


def words(text):
    """What stands in backticks."""
    return re.findall(r"`([^`]+)`", text)


def names_in(cells):
    """The names that stand at the beginnings of what is in backticks."""
    return {re.match(r"\w*", word)[0] for cell in cells for word in words(cell)}


def tags(union):
    found = {each.__struct_config__.tag for each in get_args(union)}
    return {tag for tag in found if isinstance(tag, str) and tag != "Custom"}


def test_messages_to_clients_are_those_of_the_structs():
    told = names_in(first_cells(section("Server → client")))
    assert tags(events.KnownEvent) | tags(replies.AnyReply) <= told
    # ``before?`` and ``by?`` stand beside workflow_paused; the alert is a manager's.
    extra = told - tags(events.KnownEvent) - tags(replies.AnyReply)
    assert extra <= {"by", "before", "system_alert", ""}


def test_messages_of_clients_are_those_of_the_structs():
    told = names_in(first_cells(section("Client → server")))
    assert told == tags(commands.AnyCommand)


@pytest.mark.parametrize(
    ("union", "column"), [(link.KernelFrame, 0), (link.ServerFrame, 1)]
)
def test_frames_of_the_link_are_those_of_the_structs(union, column):
    rows = [
        row.strip("| ").split(" | ")
        if column == 0
        else row.strip().strip("|").split("|")
        for row in section("The link").splitlines()
        if row.startswith("|")
    ][2:]
    cells = [row[column].strip() for row in rows if len(row) > column]
    told = {
        re.match(r"\w+", word)[0]
        for cell in cells
        for word in words(cell)
        if re.match(r"\w+( {|$)", word)
    }
    assert tags(union) <= told


@pytest.mark.parametrize(
    "struct",
    [*get_args(commands.AnyCommand), *get_args(replies.AnyReply)],
    ids=lambda s: s.__name__,
)
def test_field_of_a_message_is_named_somewhere(struct):
    known = set(re.findall(r"\w+", PAGE))
    missing = set(struct.__struct_fields__) - known - {"bare"}  # our own note, unsent
    assert not missing


def test_endpoints_are_those_of_the_routes():
    told = {
        re.sub(r"\[.*?\]", "", word)
        for row in section("Endpoints").splitlines()
        if row.startswith("| ")
        for word in words(row.split(" | ")[1])
        if word.startswith(("kgnb/", "…/"))
    }
    base = "kgnb/api/runs/{id}"
    told = {word.replace("…", base, 1) if word[0] == "…" else word for word in told}
    known = {route.template.removesuffix("{name}") for route in ROUTES}
    known |= set(ALIASES.values())
    known |= {channel.address for channel in asyncapi.CHANNELS.values()}
    known -= {"kgnb/login/{page}", "kgnb/static/", f"{base}/{{order}}"}
    known |= {f"{base}/{order}" for order in ("cancel", "pause", "resume")}
    assert told - known == {"kgnb/ws/{token}", "kgnb/static/client.js"}
    assert known <= told


def test_close_codes_are_those_of_the_table():
    cells = first_cells(section("Who may connect"))
    told = {int(code) for cell in cells for code in re.findall(r"\b\d{4}\b", cell)}
    assert told == set(closecodes.BY_CODE) - {closecodes.NORMAL.code}


def test_error_codes_are_those_of_the_errors():
    (listed,) = re.findall(r"Error codes: `([^`]+)`", PAGE)
    assert set(listed.split()) == CODES


def test_statuses_are_those_of_the_codes():
    rows = [row for row in section("Endpoints").splitlines() if row[:2] == "| "]
    for row in rows:
        cells = row.strip("| ").split(" | ")
        statuses = re.findall(r"\b[45]\d\d\b", cells[0])
        if not statuses or not re.fullmatch(r"[\d /]+", cells[0]):
            continue
        for status, group in zip(statuses, cells[1].split(" / "), strict=True):
            for code in [word for word in words(group) if word in CODES]:
                assert closecodes.http_status(code) == int(status), code
    assert all(f"`{code}`" in section("Endpoints") for code in CODES)


def test_topics_are_those_of_runs():
    (listed,) = re.findall(r"^Topics: (.*?)\. ", PAGE, re.MULTILINE | re.DOTALL)
    assert set(words(listed)) == TOPICS


def test_traits_are_those_of_the_extension():
    told = {}
    for row in section("Configuration").splitlines():
        cells = row.strip("| ").split(" | ")
        if row.startswith("| `"):
            told[words(cells[0])[0]] = words(cells[1])[0]
    known = {
        name: "[]" if trait.default_value is Undefined else repr(trait.default_value)
        for name, trait in KgnbApp.class_own_traits(config=True).items()
    }
    assert told == known


def test_page_names_no_draft_of_itself():
    assert "shared/" not in PAGE
    assert "protocol.md" not in PAGE
