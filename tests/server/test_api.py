"""What can be read over HTTP, and what the authorizer decides."""

import json

import pytest
from server_harness import body_of, until
from tornado.httpclient import HTTPClientError


class Deny:
    """An authorizer that refuses some pairs of action and resource."""

    def __init__(self, *denied):
        self.denied = denied
        self.asked = []

    def is_authorized(self, handler, user, action, resource):
        self.asked.append((action, resource))
        return (action, resource) not in self.denied


@pytest.fixture
def authorizer(jp_serverapp):
    def install(*denied):
        deny = jp_serverapp.web_app.settings["authorizer"] = Deny(*denied)
        return deny

    return install


async def test_health_is_open_and_tells_no_names(raw, jp_fetch, driver, site):
    client = await raw("kgnb/health", upgrade=False)
    assert client.status == 200
    for path in ("kgnb/health", "kgnb/ws/health"):
        client = await raw(path, upgrade=False)
        size = int(client.headers["Content-Length"])
        assert json.loads(await client.reader.readexactly(size)) == {
            "status": "healthy",
            "connections": 0,
            "max_connections": 1000,
        }
    async with site.connect():
        await until(lambda: driver.clients)
        assert body_of(await jp_fetch("kgnb", "health"))["connections"] == 1


async def test_health_is_503_while_the_log_cannot_be_written(jp_fetch, driver):
    driver.is_healthy = False
    with pytest.raises(HTTPClientError) as error:
        await jp_fetch("kgnb", "health")
    assert error.value.code == 503
    assert body_of(error.value.response)["status"] == "unhealthy"


async def test_health_is_degraded_on_a_log_in_memory(jp_fetch, driver, host):
    host.trouble = "the disk is full"
    assert body_of(await jp_fetch("kgnb", "health"))["status"] == "degraded"


async def test_api_without_a_broker_is_503(jp_fetch, host):
    for path in ("health", "api/runs"):
        with pytest.raises(HTTPClientError) as error:
            await jp_fetch("kgnb", *path.split("/"))
        assert error.value.code == 503


async def test_runs_need_the_right_to_read(jp_fetch, driver, authorizer):
    authorizer(("read", "kgnb"))
    with pytest.raises(HTTPClientError) as error:
        await jp_fetch("kgnb", "api", "runs")
    assert error.value.code == 403


@pytest.mark.parametrize(
    ("denied", "role"),
    [
        ([], "start"),
        ([("execute", "kgnb:workflows")], "control"),
        ([("write", "kgnb:runs"), ("execute", "kgnb:workflows")], "answer"),
        ([("write", "kgnb:approvals")], "view"),
    ],
)
async def test_role_of_a_socket_comes_from_the_authorizer(
    site, driver, authorizer, denied, role
):
    authorizer(*denied)
    async with site.connect():
        await until(lambda: driver.clients)
    assert driver.clients[0].peer.role == role


async def test_socket_without_the_right_to_read_is_4003(site, driver, authorizer):
    authorizer(("read", "kgnb"))
    async with site.connect() as socket:
        await socket.wait_closed()
        assert (socket.close_code, socket.close_reason) == (4003, "Forbidden")
    assert driver.clients == []
