"""Almost JSON is refused with a reason wherever it stands; JSON is taken."""

import json

import msgspec
import pytest
from json_corpus import BAD, GOOD, PLACES, SKIPPED, TOO_LARGE

from kgnb.errors import BadFrame
from kgnb.protocol import codec

ALL = PLACES | SKIPPED


def taken(place, text):
    """Whether a command is made of it; if not, why not is said."""
    try:
        codec.decode_command(ALL[place] % text)
    except BadFrame as error:
        return not str(error)
    return True


def test_corpus_is_large():
    assert len({*BAD}) == len(BAD)
    assert len(BAD) * len(ALL) >= 600


@pytest.mark.parametrize("place", ALL)
def test_almost_json_is_refused_with_a_reason(place):
    assert [text for text in BAD if taken(place, text)] == []


@pytest.mark.parametrize("place", PLACES)
def test_number_that_nothing_holds_is_refused_with_a_reason(place):
    assert [text for text in TOO_LARGE if taken(place, text)] == []


@pytest.mark.parametrize("place", ALL)
def test_json_is_taken_as_it_is(place):
    for text in GOOD:
        command = codec.decode_command(ALL[place] % text)
        sent = json.loads(ALL[place] % text)
        found = json.loads(msgspec.json.encode(command))
        for name in sent.keys() & {"value", "data", "params"}:
            assert found.get(name) == sent[name], text
