"""The judge of the fault tests, judged: each promise broken in writing."""

import json

import pytest
from journals import (
    AcceptedThenLost,
    BrokenPromisesError,
    DecidedTwice,
    Duplicate,
    Hole,
    Journal,
    Lost,
    RanAgain,
    Reordered,
    Tail,
    TooEarly,
    check_kept,
    entries_of,
    fact_of,
    figures,
    violations,
)


def note(n, life=1, node="Work"):
    return ["note", life, n, node]


DECIDED = ["approval_resolved", "q", "answered", "ann"]
LOG = [["workflow_started"], note(1), note(2), DECIDED, ["workflow_completed"]]
"""Of one run, in which all went well."""


def holds(facts=LOG, run="r"):
    return [
        {"what": "holds", "run": run, "seq": seq, "fact": fact}
        for seq, fact in enumerate(facts, 1)
    ]


def read(facts=LOG, reader="ann", run="r"):
    return [
        {"what": "read", "reader": reader, **_rest(entry)}
        for entry in holds(facts, run)
    ]


def _rest(entry):
    return {key: value for key, value in entry.items() if key != "what"}


def says(what, **facts):
    return {"what": what, **facts}


EMITTED = [says("emitted", run="r", life=1, n=n) for n in (1, 2)]
ENDED = says("ended", run="r", life=1)
ACCEPTED = says("accepted", client="ann", approval="q", value="ann")
WELL = [
    *holds(), *read(), *EMITTED, ENDED, ACCEPTED,
    says("stored_to", run="r", seq=5),
    says("told", client="bob", approval="q", value="ann"),
    says("given", approval="q", value="ann"),
    says("ran", run="r", life=1, node="Work"),
    says("joined", client="ann"),
    says("posted", life=1, n=1),
    says("heard", client="ann", life=1, n=1),
]  # fmt: skip


def kinds(entries):
    return {type(violation) for violation in violations(entries)}


def without(what, **facts):
    """What went well, but for some lines."""
    wanted = {"what": what, **facts}
    return [entry for entry in WELL if not wanted.items() <= entry.items()]


def test_judge_finds_nothing_where_all_went_well():
    assert violations(WELL) == []


CUT = [note(1), note(2)]
BROKEN = {
    "the log leaves a seq out": ([*without("holds", seq=2), ENDED], {Hole, Lost}),
    "the log has a seq twice": ([*WELL, holds()[1]], {Duplicate}),
    "the log ends before what a kernel was told": (
        [*WELL, says("stored_to", run="r", seq=6)],
        {Lost},
    ),
    "a note is stored twice": (
        [*holds([*LOG[:3], note(1)]), *EMITTED],
        {Duplicate},
    ),
    "notes are stored in another order": (
        [*holds([note(2), note(1)]), *EMITTED],
        {Reordered},
    ),
    "a note of a run that ended is not stored": (
        [*holds(LOG[:2]), *EMITTED, ENDED],
        {Lost},
    ),
    "a note between others is not stored": ([*holds([note(2)]), *EMITTED], {Lost}),
    "a run that was acknowledged is not there": (
        [says("stored_to", run="r", seq=1)],
        {Lost},
    ),
    "a reader is not shown a seq": (without("read", seq=3), {Hole}),
    "a reader is shown a seq twice": ([*WELL, read()[4]], {Duplicate}),
    "a reader is shown seqs in another order": (
        [*holds(), *reversed(read())],
        {Reordered},
    ),
    "a reader is shown what the log has not": (
        [*holds(CUT), *read([*CUT, ["workflow_completed"]])],
        {Lost},
    ),
    "a reader is shown something else than the log has": (
        [*holds(CUT), *read([note(1), note(3)])],
        {Lost},
    ),
    "a reader is not shown the end of a run": (without("read", seq=5), {Lost}),
    "a reader waits in vain": (
        [*holds(), says("gave_up", reader="ann", run="r")],
        {Lost},
    ),
    "the log has two decisions": (
        [*holds([DECIDED, [*DECIDED[:3], "bob"]])],
        {DecidedTwice},
    ),
    "two answers are accepted": (
        [*WELL, says("accepted", client="bob", approval="q", value="ann")],
        {DecidedTwice},
    ),
    "an accepted answer is not in the log": ([ACCEPTED], {AcceptedThenLost}),
    "a loser is told of another winner": (
        [*WELL, says("told", client="bob", approval="q", value="bob")],
        {AcceptedThenLost},
    ),
    "a node is given another answer": (
        [*WELL, says("given", approval="q", value="bob")],
        {AcceptedThenLost},
    ),
    "a deadline passes early": (
        holds([["approval_resolved", "q", "timed_out", "nobody"]]),
        {TooEarly},
    ),
    "a question that was shown is not known": (
        [*WELL, says("unknown", client="ann", approval="q")],
        {Lost},
    ),
    "a message is not heard": (without("heard"), {AcceptedThenLost}),
    "a message is heard twice": (
        [*WELL, says("heard", client="ann", life=1, n=1)],
        {Duplicate},
    ),
    "messages are heard in another order": (
        [
            says("joined", client="ann"),
            *(says("heard", client="ann", life=1, n=n) for n in (2, 1)),
        ],
        {Reordered},
    ),
}


def test_broken_promises_fail_a_test_by_their_names():
    check_kept([])
    with pytest.raises(BrokenPromisesError, match="Lost: r: acknowledged up to 1"):
        check_kept(violations([says("stored_to", run="r", seq=1)]))


@pytest.mark.parametrize("broken", BROKEN)
def test_judge_names_the_promise_that_is_broken(broken):
    entries, expected = BROKEN[broken]
    assert kinds(entries) == expected


def test_judge_lets_a_message_pass_that_nobody_confirmed():
    assert violations([*WELL, says("heard", client="ann", life=1, n=2)]) == []


def test_judge_lets_the_unstored_end_of_a_dead_process_be_lost():
    assert violations([*holds(LOG[:2]), *EMITTED]) == []


def life(number, *facts):
    """The notes and the ends of nodes, in one process."""
    return [
        note(int(fact), number) if fact.isdigit() else ["node_update", "Work", fact]
        for fact in facts
    ]


def ran(*lives):
    return [says("ran", run="r", life=life, node="Work") for life in lives]


def test_node_that_ended_and_ran_again_is_named():
    log = [*life(1, "1", "completed"), ["workflow_lost"], *life(2, "1")]
    assert kinds([*holds(log), *ran(1, 2)]) == {RanAgain}


def test_node_that_ran_again_before_a_note_of_it_was_stored_is_named():
    log = [*life(1, "1", "completed"), ["workflow_lost"]]
    assert kinds([*holds(log), *ran(1, 2)]) == {RanAgain}


def test_node_that_ran_twice_in_one_process_is_named():
    log = life(1, "1", "completed")
    assert kinds([*holds(log), *ran(1, 1)]) == {RanAgain}


def items(*numbers, life):
    return [note(n, life, f"Items#{n}") for n in numbers]


def test_item_that_ended_and_ran_again_is_named():
    ran = [says("ran", run="r", life=life, node="Items#1") for life in (1, 2)]
    assert kinds([*holds(items(1, 2, life=1)), *ran]) == {RanAgain}
    assert violations([*holds(items(1, life=1) + items(1, 2, life=2)), *ran]) == []


def test_node_that_was_cut_off_may_run_again():
    log = [*life(1, "1"), ["workflow_lost"], *life(2, "1", "completed")]
    assert violations([*holds(log), *ran(1, 2)]) == []


def test_decision_that_is_told_again_after_a_resume_is_one():
    again = [*LOG, DECIDED]
    assert violations([*without("holds"), *holds(again), read(again)[5]]) == []


def test_journal_of_two_is_read_as_it_grows(tmp_path):
    ann, bob = Journal(tmp_path, "ann"), Journal(tmp_path, "bob")
    try:
        ann.note("joined", client="ann")
        tail = Tail(tmp_path)
        assert [entry["client"] for entry in tail.new()] == ["ann"]
        assert [*tail.new()] == []
        with (tmp_path / "bob.jsonl").open("a") as half:
            half.write('{"what": "joi')
            half.flush()
            assert [*tail.new()] == []
            half.write('ned", "client": "bob"}\n')
        assert [entry["client"] for entry in tail.new()] == ["bob"]
    finally:
        ann.close()
        bob.close()
    assert len(entries_of(tmp_path)) == 2


def test_facts_are_plain_json():
    events = [
        {"type": "note", "data": {"life": 1, "n": 2, "node": "Work"}},
        {"type": "node_update", "node_id": "Work", "status": "running"},
        {"type": "approval_resolved", "data": {"approval_id": "q", "outcome": "o"}},
        {"type": "workflow_started"},
    ]
    facts = [fact_of(event) for event in events]
    assert json.loads(json.dumps(facts)) == facts


def test_figures_count_what_was_promised():
    counted = figures(WELL)
    assert (counted["events stored"], counted["events shown"]) == (5, 5)
    assert (counted["answers accepted"], counted["runs"]) == (1, 1)
