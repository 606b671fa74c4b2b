"""The table of close codes and statuses."""

import pytest

from kgnb import errors
from kgnb.server import closecodes


def test_close_codes_are_those_of_the_contract():
    assert {code for code in closecodes.BY_CODE if code >= 4000} == {
        4001, 4003, 4004, 4008, 4009, 4013, 4029,
    }  # fmt: skip
    assert closecodes.UNAUTHORIZED == (4001, "Unauthorized")
    assert closecodes.INTERNAL == (1011, "Internal error")
    assert closecodes.RATE_LIMITED.reason == "Rate limit exceeded"


def _codes(cls):
    yield cls.code
    for child in cls.__subclasses__():
        yield from _codes(child)


def test_every_error_code_has_its_http_status():
    assert {closecodes.http_status(code) for code in _codes(errors.KgnbError)} == {
        400, 401, 403, 404, 409, 410, 413, 429, 500, 503,
    }  # fmt: skip
    assert closecodes.http_status("no_such_run") == 404


@pytest.mark.parametrize("code", [0, 999, 1004, 1005, 1006, 1015, 2999, 5000])
def test_reserved_codes_are_not_sent(code):
    assert not closecodes.sendable(code)


def test_close_frame_gets_a_sendable_code_and_as_much_of_a_reason_as_fits():
    code, reason = closecodes.fitted(1006, "é" * 62)
    assert code == 1000
    assert reason == "é" * 61
    assert closecodes.fitted(4009, "Slow consumer") == closecodes.SLOW


@pytest.mark.parametrize("code", list(closecodes.BY_CODE))
def test_codes_of_the_table_are_sendable(code):
    assert closecodes.sendable(code)
