"""A durable run's checkpoints, read back page by page."""

import msgspec
import pytest

from kgnb.errors import NoSuchRun, Unavailable
from kgnb.protocol import link
from kgnb.runtime.recalling import Recalling


def page(n, seqs, *, more=False, **fields):
    records = [
        link.KeptRecord(seq=seq, record=msgspec.Raw(b"%d" % seq)) for seq in seqs
    ]
    return link.Recalled(n=n, run_id="r", records=records, more=more, **fields)


@pytest.fixture
def sent():
    return []


@pytest.fixture
def recalling(sent):
    return Recalling(sent.append)


def test_recall_asks_until_the_last_checkpoint_has_come(recalling, sent):
    answer = recalling.ask(run_id="r")
    recalling.answered(page(1, [1, 2], more=True, epoch=4))
    assert not answer.done()
    recalling.answered(page(1, [3], epoch=4))
    assert [(frame.run_id, frame.after) for frame in sent] == [("r", 0), ("r", 2)]
    found = answer.result(0)
    assert found.run.epoch == 4
    assert found.records == [(1, b"1"), (2, b"2"), (3, b"3")]


def test_recall_by_key_goes_on_by_the_run_that_was_found(recalling, sent):
    recalling.ask(key="k")
    recalling.answered(page(1, [1], more=True))
    assert [(frame.run_id, frame.key) for frame in sent] == [(None, "k"), ("r", None)]


def test_recall_of_a_run_without_checkpoints_has_none(recalling):
    answer = recalling.ask(run_id="r")
    recalling.answered(page(1, []))
    assert answer.result(0).records == []


def test_recall_of_an_unknown_run_is_the_brokers_error(recalling):
    answer = recalling.ask(run_id="r")
    refused = link.Recalled(n=1, code="no_such_run", message="no run 'r'")
    recalling.answered(refused)
    with pytest.raises(NoSuchRun, match="no run 'r'"):
        answer.result(0)


def test_recall_over_a_link_that_was_cut_is_unavailable(recalling):
    answer = recalling.ask(run_id="r")
    recalling.disconnected()
    recalling.answered(page(1, [1]))
    with pytest.raises(Unavailable, match="try again"):
        answer.result(0)
