"""Health and metrics: what a monitor reads, with a credential and without."""

import pytest
from http_harness import Events, Kernel, begun, completed, series_of

from kgnb import __version__


async def test_health_tells_more_to_who_has_a_credential(call, site):
    async with site.link() as link:
        kernel = Kernel(link)
        await kernel.greet()
        await kernel.append(begun())
        for path in ("kgnb/health", "kgnb/ws/health"):
            body = (await call(path)).json
            assert body.pop("uptime") > 0
            assert body == {
                "status": "healthy",
                "connections": 0,
                "max_connections": 1000,
                "runs": 1,
                "version": __version__,
            }
            assert set((await call(path, token="wrong")).json) == {
                "status",
                "connections",
                "max_connections",
            }


async def test_metrics_are_the_documents_fields_and_ours(call, site):
    async with site.link() as link, site.connect("kgnb/ws?client_id=tab-1"):
        await Kernel(link).greet()
        for path in ("kgnb/metrics", "kgnb/ws/metrics"):
            body = (await call(path)).json
            assert body["active_connections"] == 1
            assert body["total_messages"] >= 1
            assert body["uptime"] > 0
            (client,) = body["clients"]
            assert client.pop("user", "Ann") == "Ann"
            assert client == {
                "client_id": "tab-1",
                "via": "python",
                "role": "start",
                "runs": 0,
            }
            assert body["links"] == 1
            assert body["rss_bytes"] > 10_000_000
            assert body["send_queue_bytes"] == 0
            assert body["store_healthy"] is True
            assert body["store_pool_in_use"] <= body["store_pool_size"]


async def test_metrics_need_a_credential(call):
    for path in ("kgnb/metrics", "kgnb/ws/metrics", "kgnb/metrics?format=prometheus"):
        assert (await call(path, token=None)).status == 401


@pytest.mark.parametrize(
    ("query", "headers"),
    [("?format=prometheus", {}), ("", {"Accept": "text/plain;version=0.0.4"})],
)
async def test_prometheus_text_parses(call, site, query, headers):
    async with site.link() as link:
        kernel = Kernel(link)
        await kernel.greet()
        await kernel.append(begun(), completed())
        await kernel.append(begun(), run_id="other")
        answer = await call(f"kgnb/metrics{query}", headers=headers)
        assert answer.headers["Content-Type"].startswith("text/plain")
        ours = series_of(answer)
        assert ours["kgnb_runs", ("completed",)] == 1
        assert ours["kgnb_runs", ("running",)] == 1
        assert ours["kgnb_links", ()] == 1
        assert ours["kgnb_messages_sent_total", ()] >= 2


async def test_labels_do_not_grow_with_runs_workflows_or_clients(call, site):
    async with site.link() as link:
        kernel = Kernel(link)
        await kernel.greet()
        before = series_of(await call("kgnb/metrics?format=prometheus")).keys()
        for n in range(20):
            await kernel.append(begun() | {"workflow": f"w{n}"}, run_id=f"r{n}")
        async with Events(site, "kgnb/api/runs/r1/events"):
            after = series_of(await call("kgnb/metrics?format=prometheus")).keys()
    assert before == after


async def test_unknown_format_is_400(call):
    assert (await call("kgnb/metrics?format=xml")).json["code"] == "invalid"
