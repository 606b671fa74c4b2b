"""Foreign pages get HTTP 403 before the upgrade, whatever they hold."""

import pytest
from server_harness import TOKEN
from strangers import FOREIGN, origin_header

TOKEN_HEADER = f"Authorization: token {TOKEN}"


async def test_foreign_page_with_a_cookie_is_403(raw, driver):
    login = await raw("api/me", headers=[TOKEN_HEADER], upgrade=False)
    cookie = "Cookie: " + login.headers["Set-Cookie"].partition(";")[0]
    for pattern in FOREIGN:
        headers = [cookie, origin_header(pattern, raw.port)]
        assert (await raw(headers=headers)).status == 403, pattern
    assert driver.clients == []


@pytest.fixture
def listing(host):
    """Set the allow-list of a server that runs."""
    from dataclasses import replace

    def set_list(*origins):
        host.settings = replace(host.settings, allow_origins=origins)

    return set_list


async def test_jupyters_allow_origin_holds_while_the_list_is_empty(
    raw, driver, jp_serverapp, listing
):
    settings = jp_serverapp.web_app.settings
    settings["allow_origin"] = "https://lab.example"
    headers = [TOKEN_HEADER, "Origin: https://lab.example"]
    assert (await raw(headers=headers)).status == 101
    listing("https://other.example")
    assert (await raw(headers=headers)).status == 403


# Jupyter itself warns whoever relied on a prefix
@pytest.mark.filterwarnings("ignore:allow_origin_pat:UserWarning")
async def test_jupyters_pattern_must_match_the_whole_origin(raw, driver, jp_serverapp):
    settings = jp_serverapp.web_app.settings
    settings["allow_origin_pat"] = r"https://lab\.example"
    good = [TOKEN_HEADER, "Origin: https://lab.example"]
    assert (await raw(headers=good)).status == 101
    evil = [TOKEN_HEADER, "Origin: https://lab.example.evil.example"]
    assert (await raw(headers=evil)).status == 403
