"""The codec: what is accepted, what is refused, and with which words."""

import contextlib
import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kgnb.errors import BadFrame, FrameTooLarge, UnknownType
from kgnb.protocol import codec, commands, events, replies


def test_event_with_seq_round_trips():
    event = events.Token(
        run_id="r1", node_id="A", data="h\u00e9", stream="A:1.1/1", index=3
    )
    wire = codec.with_seq(codec.encode(event), 7, "r1")
    back = codec.decode_event(wire)
    assert (back.seq, back.workflow_id, back.data) == (7, "r1", "h\u00e9")
    assert json.loads(wire)["type"] == "token"


def test_event_defaults_are_left_out_of_the_wire():
    event = events.NodeUpdate(run_id="r1", node_id="A", status="running")
    assert json.loads(codec.encode(event)) == {
        "type": "node_update",
        "run_id": "r1",
        "node_id": "A",
        "status": "running",
    }


def test_result_null_is_still_sent():
    event = events.WorkflowCompleted(run_id="r1", data=None)
    assert json.loads(codec.encode(event))["data"] is None


def test_custom_event_keeps_its_own_name():
    event = events.Custom(type="word_count", run_id="r1", node_id="A", data={"n": 2})
    back = codec.decode_event(codec.encode(event))
    assert isinstance(back, events.Custom)
    assert (back.type, back.data) == ("word_count", {"n": 2})


def test_frame_error_decodes_as_a_reply():
    frame = codec.decode_frame(b'{"type":"error","code":"invalid","message":"no"}')
    assert isinstance(frame, replies.ErrorReply)


def test_command_without_type_is_the_documents_message():
    command = codec.decode_command('{"session_id": "s", "message": "Hi"}')
    assert command == commands.SendMessage(content="Hi", session_id="s", bare=True)


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b"nonsense",
        b"[1]",
        b'"text"',
        b"null",
        b"{}",
        b'{"type":5}',
        b'{"type":"answer"}',
        b'{"type":"answer","approval_id":5}',
        b'{"type":"ping","id":NaN}',
        b'{"type":"ping","id":Infinity}',
        b'{"type":"answer","approval_id":"a","value":1e400}',
        b'{"type":"answer","approval_id":"a","value":"\\ud800"}',
        b'{"type":"answer","approval_id":"a","value":"\x00"}',
        b'\xef\xbb\xbf{"type":"ping"}',
        b'{"type":"ping","id":"\xff"}',
        b'{"type":"answer","approval_id":"a","value":' + b"1" * 5000 + b"}",
        b'{"type":"join_group","group":""}',
        b'{"type":"join_group","group":"' + b"x" * 201 + b'"}',
        "\ud800",
    ],
)
def test_bad_frame_is_refused_with_a_reason(frame):
    with pytest.raises(BadFrame) as caught:
        codec.decode_command(frame)
    assert str(caught.value)
    assert caught.value.code == "invalid"


def test_unknown_type_names_the_known_ones():
    with pytest.raises(UnknownType, match="known are answer, cancel"):
        codec.decode_command(b'{"type":"explode"}')


def test_size_is_checked_before_anything_else():
    limits = codec.Limits(max_size=10)
    with pytest.raises(FrameTooLarge) as caught:
        codec.decode_command(b"[" * 11, limits)
    assert (caught.value.size, caught.value.limit) == (11, 10)
    assert caught.value.code == "too_large"


@pytest.mark.parametrize(
    ("depth", "is_accepted"), [(62, True), (63, True), (64, False), (5000, False)]
)
def test_depth_is_bounded(depth, is_accepted):
    nested = b"[" * depth + b"]" * depth
    frame = b'{"type":"answer","approval_id":"a","value":' + nested + b"}"
    if is_accepted:
        assert codec.decode_command(frame).approval_id == "a"
    else:
        with pytest.raises(BadFrame, match="nested levels"):
            codec.decode_command(frame)


def test_brackets_in_strings_do_not_count():
    frame = json.dumps(
        {"type": "answer", "approval_id": "a", "value": '[{\\"' * 500}
    ).encode()
    assert codec.decode_command(frame).value == '[{\\"' * 500


@pytest.mark.parametrize(
    "frame",
    [b"[" * 1_000_000, b'{"a":' * 200_000, b"[" + b"[]," * 300_000 + b"[]]"],
)
def test_hostile_shapes_are_refused_quickly(frame):
    began = time.process_time()
    with pytest.raises(BadFrame):
        codec.decode_command(frame)
    assert time.process_time() - began < 0.5


@given(st.binary(max_size=300))
def test_any_bytes_decode_or_raise_bad_frame(data):
    with contextlib.suppress(BadFrame):
        codec.decode_command(data)


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers(-(2**53), 2**53)
        | st.text(st.characters(codec="utf-8")),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(st.text(st.characters(codec="utf-8")), inner)
        ),
        max_leaves=20,
    )
)
def test_any_value_of_an_answer_arrives_as_it_was_sent(value):
    sent = json.dumps({"type": "answer", "approval_id": "a", "value": value})
    assert codec.decode_command(sent).value == value


def test_command_id_is_found_even_in_a_refused_frame():
    assert codec.command_id(b'{"type":"explode","id":"c1"}') == "c1"
    assert codec.command_id(b"nonsense") is None


@pytest.mark.parametrize(
    ("value", "safe", "is_replaced"),
    [
        (1.5, 1.5, False),
        (float("inf"), None, False),
        ({"a": [1]}, {"a": [1]}, False),
        ({1, 2}, [1, 2], False),
        (b"x", "eA==", False),
    ],
)
def test_json_safe_of_plain_values(value, safe, is_replaced):
    assert codec.json_safe(value) == (safe, is_replaced)


def test_json_safe_of_an_object_is_its_repr():
    class Odd:
        def __repr__(self):
            return "<Odd>"

    assert codec.json_safe(Odd()) == ("<Odd>", True)


def test_json_safe_of_what_cannot_even_be_shown_says_so():
    class Broken:
        def __repr__(self):
            raise KeyError("half made")

    assert codec.json_safe({"a": Broken()}) == ("<dict: repr failed: KeyError>", True)
    assert codec.json_safe(10**5000) == ("<int: repr failed: ValueError>", True)


def test_json_safe_of_a_repr_with_half_a_character_can_be_sent():
    class Listing:
        def __repr__(self):
            return "caf\udce9.txt"  # as a data frame shows a file's name

    value, is_replaced = codec.json_safe(Listing())
    assert (value, is_replaced) == ("caf?.txt", True)


def test_json_safe_of_a_long_value_is_shortened():
    value, is_replaced = codec.json_safe("x" * 100_000, limit=1000)
    assert is_replaced
    assert len(value) == 2000


def test_link_frames_round_trip():
    from kgnb.protocol import link

    frame = link.Welcome(
        log_id="l", owner_token="o", runs=[link.KnownRun(run_id="r", epoch=1, n=4)]
    )
    assert codec.decode_server_frame(codec.encode(frame)) == frame
    with pytest.raises(BadFrame):
        codec.decode_kernel_frame(b'{"type":"welcome"}')


def test_depth_scan_of_a_string_that_never_ends_takes_linear_time():
    raw = b"[" * 65 + b'"' + rb"\"" * 300_000
    started = time.process_time()
    with pytest.raises(BadFrame):
        codec.decode_command(raw)
    assert time.process_time() - started < 1


@pytest.mark.parametrize(
    "bad",
    [{"epoch": 2**64}, {"epoch": 0}, {"n": 2**64}, {"n": 0}, {"run_id": 'r","x":"'}],
    ids=str,
)
def test_append_that_no_log_could_hold_is_a_bad_frame(bad):
    frame = {"type": "append", "run_id": "r1", "epoch": 1, "n": 1, "events": []}
    codec.decode_kernel_frame(json.dumps(frame))
    with pytest.raises(BadFrame):
        codec.decode_kernel_frame(json.dumps(frame | bad))


@pytest.mark.parametrize(
    "frame",
    [
        b'{"type":"frame","channel":"c","frame":{"id":"\xaa"}}',
        b'{"type":"post","n":1,"to":"all","message":{"a":"\xed\xa0\x80"}}',
        b'{"type":"append","run_id":"r","epoch":1,"n":1,"events":[{"x":"\xff"}]}',
        '{"type":"open","channel":"\ud800","via":"comm"}',
    ],
)
def test_link_frame_with_text_that_is_none_is_a_bad_frame(frame):
    with pytest.raises(BadFrame, match="UTF-8"):
        codec.decode_kernel_frame(frame)


def test_unknown_field_that_is_no_text_is_a_bad_frame():
    with pytest.raises(BadFrame, match="UTF-8"):
        codec.decode_command(b'{"type":"ping","other":"\xff"}')
