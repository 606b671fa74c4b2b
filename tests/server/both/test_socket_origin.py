"""From which pages a socket may be opened, on every host."""

import pytest
from server_harness import TOKEN, until
from strangers import FOREIGN, origin_header

TOKEN_HEADER = f"Authorization: token {TOKEN}"


@pytest.fixture
def listing(host):
    """Set the allow-list of a server that runs."""
    from dataclasses import replace

    def set_list(*origins):
        host.settings = replace(host.settings, allow_origins=origins)

    return set_list


@pytest.mark.parametrize("pattern", FOREIGN)
async def test_foreign_page_with_a_right_token_is_403(raw, driver, pattern):
    header = origin_header(pattern, raw.port)
    assert (await raw(headers=[TOKEN_HEADER, header])).status == 403
    path = f"kgnb/ws?token={TOKEN}"
    assert (await raw(path, headers=[header])).status == 403
    assert driver.clients == []


async def test_foreign_page_without_a_credential_is_403_too(raw, driver):
    assert (await raw(headers=["Origin: http://evil.example"])).status == 403


async def test_foreign_page_with_the_link_secret_is_403(raw, site, driver):
    headers = [f"Authorization: kgnb-link {site.secret}", "Origin: http://evil.example"]
    assert (await raw("kgnb/link", headers=headers)).status == 403
    assert driver.links == []


@pytest.mark.parametrize("pattern", ["http://{own}", "HTTP://{own}"])
async def test_own_page_gets_in(raw, driver, pattern):
    header = origin_header(pattern, raw.port)
    assert (await raw(headers=[TOKEN_HEADER, header])).status == 101
    await until(lambda: driver.clients)
    assert driver.clients[0].peer.via == "page"


@pytest.mark.parametrize(
    "header", ["X-Forwarded-Proto: https", "Sec-Fetch-Site: same-origin"]
)
async def test_own_page_behind_a_proxy_that_ends_tls_gets_in(raw, driver, header):
    origin = origin_header("https://{own}", raw.port)
    assert (await raw(headers=[TOKEN_HEADER, origin, header])).status == 101


@pytest.mark.parametrize("relation", ["cross-site", "same-site", "same-origin", "none"])
async def test_fetch_metadata_excuses_no_other_host(raw, driver, relation):
    headers = [
        TOKEN_HEADER,
        "Origin: http://evil.example",
        f"Sec-Fetch-Site: {relation}",
    ]
    assert (await raw(headers=headers)).status == 403


async def test_listed_page_gets_in_and_its_like_do_not(raw, driver, listing):
    listing("https://good.example:8443")
    for origin, status in {
        "https://good.example:8443": 101,
        "https://good.example": 403,
        "https://good.example:8443.evil.example": 403,
        "http://good.example:8443": 403,
        "https://sub.good.example:8443": 403,
    }.items():
        headers = [TOKEN_HEADER, f"Origin: {origin}"]
        assert (await raw(headers=headers)).status == status, origin


async def test_refused_origin_cannot_forge_a_log_line(raw, driver, all_logs):
    header = "Origin: http://evil.example/\u202e%s{0}"  # an escape gets 400 already
    await raw(headers=[header])
    line = next(line for line in all_logs.lines if "refused a page" in line)
    assert line.isprintable()
    assert "%s{0}" in line
