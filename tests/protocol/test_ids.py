"""Derived ids are stable, and different where the things are."""

from kgnb.protocol import ids


def test_approval_id_is_stable_and_names_one_question():
    first = ids.approval_id("r1", "Review:1", 1)
    assert first == ids.approval_id("r1", "Review:1", 1) == "68243c0a7e6dda409aa0"
    others = {
        ids.approval_id("r2", "Review:1", 1),
        ids.approval_id("r1", "Review:2", 1),
        ids.approval_id("r1", "Review:1", 2),
        ids.approval_id("r1", "Review:1", "1"),
    }
    assert len(others) == 4
    assert first not in others


def test_args_hash_ignores_the_order_of_keys():
    one = ids.args_hash("Delete?", None, None, {"a": 1, "b": 2})
    assert one == ids.args_hash("Delete?", None, None, {"b": 2, "a": 1})
    assert one != ids.args_hash("Delete?", None, None, {"a": 1, "b": 3})


def test_timestamp_round_trips_to_the_millisecond():
    stamp = ids.timestamp(1_700_000_000.1239)
    assert stamp == "2023-11-14T22:13:20.123Z"
    assert ids.seconds(stamp) == 1_700_000_000.123
