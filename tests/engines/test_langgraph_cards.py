"""Known formats of interrupts: their buttons, and the answers their authors expect."""

import pytest

from kgnb.engines.langgraph.interrupts import card_of
from kgnb.runtime import Answer


def answered(card, *answers):
    return card.value(answers)


def inbox(**allowed):
    return {
        "action_request": {"action": "send", "args": {"to": "bob"}},
        "config": {f"allow_{name}": yes for name, yes in allowed.items()},
        "description": "Send this mail?",
    }


def test_plain_text_is_the_message():
    card = card_of("Go on?", None, "review")
    assert card.questions == [{"message": "Go on?", "payload": None, "kind": "input"}]
    assert answered(card, Answer({"any": 1})) == {"any": 1}


@pytest.mark.parametrize(
    ("payload", "message", "shown"),
    [
        ({"question": "Sure?", "draft": "x"}, "Sure?", {"draft": "x"}),
        ({"message": "Go?", "options": ["yes"]}, "Go?", None),
        ({"message": "Go?", "options": []}, "Go?", {"options": []}),
        ({"draft": "x"}, "review asks", {"draft": "x"}),
        ([1, 2], "review asks", [1, 2]),
        (None, "review asks", None),
        ({"question": 3, "description": "a b"}, "a b", {"question": 3}),
        ({"question": "a?", "message": "b"}, "b", {"question": "a?"}),
    ],
)
def test_plain_payload_is_shown_but_for_its_words_and_options(payload, message, shown):
    (question,) = card_of(payload, None, "review").questions
    assert (question["message"], question["payload"]) == (message, shown)


def test_plain_options_are_buttons_and_a_schema_is_a_form():
    (question,) = card_of({"message": "m", "options": ["a"]}, None, "n").questions
    assert (question["options"], question.get("kind")) == (["a"], None)
    (question,) = card_of("m", {"type": "integer"}, "n").questions
    assert question["schema"] == {"type": "integer"}


def test_inbox_shows_the_allowed_buttons_and_editable_arguments():
    card = card_of(
        [inbox(accept=True, edit=True, respond=True, ignore=True)], None, "n"
    )
    assert card.questions == [
        {
            "message": "Send this mail?",
            "options": ["accept", "edit", "respond", "ignore"],
            "kind": "edit",
            "payload": {"to": "bob"},
        }
    ]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (
            Answer("accept", payload={"to": "bob"}),
            {"type": "accept", "args": {"action": "send", "args": {"to": "bob"}}},
        ),
        (
            Answer("accept", payload={"to": "eve"}, edited=True),
            {"type": "edit", "args": {"action": "send", "args": {"to": "eve"}}},
        ),
        (
            Answer("edit", payload={"to": "eve"}, edited=True),
            {"type": "edit", "args": {"action": "send", "args": {"to": "eve"}}},
        ),
        (Answer("respond", reason="later"), {"type": "response", "args": "later"}),
        (Answer("ignore"), {"type": "ignore", "args": None}),
    ],
)
def test_inbox_answers_are_a_list_of_responses(answer, expected):
    card = card_of(
        [inbox(accept=True, edit=True, respond=True, ignore=True)], None, "n"
    )
    assert answered(card, answer) == [expected]


def test_inbox_request_that_may_not_be_edited_is_not():
    (question,) = card_of(inbox(accept=True, ignore=True), None, "n").questions
    assert question["options"] == ["accept", "ignore"]
    assert "kind" not in question
    assert question["payload"] == {"name": "send", "args": {"to": "bob"}}


REVIEW = {
    "action_requests": [
        {"name": "send", "args": {"to": "bob"}, "description": "Send?"},
        {"name": "drop", "args": {}, "description": "Drop?"},
    ],
    "review_configs": [
        {"action_name": "send", "allowed_decisions": ["approve", "edit", "reject"]},
        {"action_name": "drop", "allowed_decisions": ["approve", "reject", "respond"]},
    ],
}


def test_review_asks_for_each_action_and_answers_in_their_order():
    card = card_of(REVIEW, None, "n")
    assert [q["message"] for q in card.questions] == ["Send?", "Drop?"]
    assert [q["options"] for q in card.questions] == [
        ["approve", "edit", "reject"],
        ["approve", "reject", "respond"],
    ]
    value = answered(
        card,
        Answer("approve", payload={"to": "eve"}, edited=True),
        Answer("respond", reason="not now"),
    )
    assert value == {
        "decisions": [
            {
                "type": "edit",
                "edited_action": {"name": "send", "args": {"to": "eve"}},
            },
            {"type": "respond", "message": "not now"},
        ]
    }
    value = answered(card, Answer("reject", reason="no"), Answer("reject"))
    assert value["decisions"] == [
        {"type": "reject", "message": "no"},
        {"type": "reject"},
    ]


def test_review_shows_arguments_once_where_the_words_repeat_them():
    args = {"to": "bob"}
    words = f"Tool execution requires approval\n\nTool: send\nArgs: {args}"
    request = {"name": "send", "args": args, "description": words}
    config = {"action_name": "send", "allowed_decisions": ["approve", "edit"]}
    card = card_of({"action_requests": [request], "review_configs": [config]}, None, "")
    (question,) = card.questions
    assert question["message"] == "Tool execution requires approval: send"
    assert question["payload"] == args


def test_tool_approval_has_the_buttons_that_its_schema_allows():
    payload = {
        "type": "tool_approval",
        "tool_call_id": "c1",
        "name": "send",
        "args": {"to": "bob"},
        "description": "Send?",
    }
    schema = {
        "anyOf": [
            {"properties": {"type": {"const": "approve"}}},
            {"properties": {"type": {"enum": ["reject"]}}},
        ]
    }
    card = card_of(payload, schema, "n")
    assert card.questions[0]["options"] == ["approve", "reject"]
    assert answered(card, Answer("approve")) == {"type": "approve"}
    assert answered(card, Answer("reject", reason="no")) == {
        "type": "reject",
        "message": "no",
    }
