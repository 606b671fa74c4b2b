"""What a log may show of a request."""

import pytest

from kgnb.server import scrub


@pytest.mark.parametrize(
    "uri",
    [
        "/b/kgnb/ws?token=CANARY",
        "/b/kgnb/ws?tok%65n=CANARY",
        "/b/kgnb/ws?access_jwt=CANARY&a=b",
        "/b/kgnb/ws?a=b;token=CANARY",
        "/b/kgnb/ws;token=CANARY",
        "/b/kgnb/ws#CANARY",
        "/b/kgnb/ws?CANARY",
    ],
)
def test_path_loses_everything_after_it(uri):
    assert scrub.path_only(uri) == "/b/kgnb/ws"


def test_path_with_a_hidden_part_ends_there():
    hidden = scrub.path_only("/b/kgnb/ws/CANARY/key?x", hidden_after="/kgnb/ws/")
    assert hidden == "/b/kgnb/ws/[hidden]"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://h:8888/lab?token=CANARY", "http://h:8888/"),
        ("https://u:CANARY@h/lab;token=CANARY", "https://h/"),
        ("http://[::1]:8888/CANARY", "http://[::1]:8888/"),
        ("CANARY", "[hidden]"),
        ("http://h:CANARY/", "[hidden]"),
        ("http://[CANARY/", "[hidden]"),
    ],
)
def test_referer_keeps_its_origin_only(url, shown):
    assert scrub.origin_only(url) == shown


def test_text_stays_one_line_without_control_characters():
    assert scrub.one_line("a\r\nb\x1b[31m\u202e") == "a\\x0d\\x0ab\\x1b[31m\\x202e"
    assert len(scrub.one_line("x" * 1000)) == 300


def test_path_hides_a_share_link_wherever_it_stands():
    token = "eyJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJrZ25iIn0.c2lnbmF0dXJl"
    hidden = "/kgnb/nothing/[hidden]/more"
    assert scrub.path_only(f"/kgnb/nothing/{token}/more") == hidden
