"""Share links, the kernel's half."""

import math

import pytest

import kgnb
from kgnb.errors import InvalidValue, NoSuchRun, Unavailable
from kgnb.protocol import link
from kgnb.runtime.sharing import Sharing


class Node(kgnb.Node):
    pass


def test_share_without_a_server_says_that_one_is_needed():
    run = kgnb.run(kgnb.Graph(Node(), name="article"), panel=False)
    run.result(timeout=10)
    with pytest.raises(Unavailable, match="sharing needs a Jupyter or FastAPI server"):
        run.share()


@pytest.mark.parametrize(
    "given",
    [{"role": 1}, {"ttl": "1h"}, {"ttl": True}, {"ttl": math.inf}, {"label": None}],
    ids=str,
)
def test_share_of_what_no_frame_can_hold_is_refused_here(given):
    run = kgnb.run(kgnb.Graph(Node(), name="article"), panel=False)
    run.result(timeout=10)
    (name,) = given
    with pytest.raises(InvalidValue, match=rf"^share\({name}=.*\): expected"):
        run.share(**given)


@pytest.fixture
def sharing():
    sent = []
    sharing = Sharing(sent.append)
    sharing.sent = sent
    return sharing


def asked(sharing):
    return sharing.ask(lambda n: link.Unshare(n=n, link_id="x"))


def test_answer_goes_to_whoever_asked(sharing):
    first, second = asked(sharing), asked(sharing)
    assert [frame.n for frame in sharing.sent] == [1, 2]
    sharing.answered(link.Shared(n=2, link_id="x"))
    sharing.answered(link.Shared(n=1, code="no_such_run", message="no run 'x'"))
    sharing.answered(link.Shared(n=1, link_id="again"))
    assert second.result(0).link_id == "x"
    with pytest.raises(NoSuchRun, match="no run 'x'"):
        first.result(0)


def test_link_that_is_cut_leaves_nobody_waiting(sharing):
    answer = asked(sharing)
    sharing.disconnected()
    with pytest.raises(Unavailable, match="cut"):
        answer.result(0)
