import json

from kgnb.panel.bundle import MIME, final_bundle, final_metadata, live_bundle
from kgnb.protocol.record import static_record


def test_final_bundle_data_holds_the_record_in_four_forms(view):
    data, _ = final_bundle(view)
    assert set(data) == {MIME, "text/html", "image/svg+xml", "text/plain"}
    assert data[MIME] == {"version": 1, "final": True, "record": static_record(view)}


def test_final_bundle_without_a_drawing_has_no_svg(samples):
    bare = samples.article_view(graph={**samples.ARTICLE, "svg": None})
    assert set(final_bundle(bare)[0]) == {MIME, "text/html", "text/plain"}


def test_final_bundle_metadata_alone_differs_between_executions(samples):
    one = final_bundle(samples.article_view(), kernel_id="a")
    other = final_bundle(
        samples.article_view(run_id="e" * 32, started_at="t"), kernel_id="b"
    )
    assert json.dumps(one[0]) == json.dumps(other[0])
    assert one[1] != other[1]


def test_final_bundle_metadata_names_run_times_and_people(view):
    metadata = final_bundle(view, kernel_id="k")[1][MIME]
    assert metadata["run_id"] == "f" * 32
    assert metadata["kernel_id"] == "k"
    assert metadata["durations"] == {"Draft": 1.25}
    assert metadata["ended_at"] == "2026-11-21T03:41:44.123Z"
    assert metadata["answered_by"]["0"]["user"] == "ada"
    assert final_metadata(view.to_dict(), "k") == metadata


def test_final_bundle_compact_is_told_in_the_data(view):
    assert final_bundle(view, compact=True)[0][MIME]["compact"] is True


def test_final_bundle_is_plain_json(view):
    json.dumps(final_bundle(view), allow_nan=False)


def test_live_bundle_data_names_no_run(begun_run):
    data, metadata = live_bundle(begun_run)
    assert data[MIME]["final"] is False
    assert data[MIME]["name"] == "article"
    assert data[MIME]["graph"]["svg"].startswith("<svg")
    assert begun_run.id not in json.dumps(data)
    assert metadata[MIME] == {
        "run_id": begun_run.id,
        "kernel_id": "kernel-1",
        "log": "server",
        "transports": ["websocket", "control", "comm"],
    }


def test_live_bundle_of_kernel_log_has_no_socket_to_offer(begun_run):
    begun_run.log_host = "kernel"
    metadata = live_bundle(begun_run)[1][MIME]
    assert metadata["transports"] == ["control", "comm"]


def test_live_bundle_leaves_out_what_the_environment_rules_out(begun_run, monkeypatch):
    monkeypatch.setenv("KGNB_TRANSPORTS", "comm,websocket")
    assert live_bundle(begun_run)[1][MIME]["transports"] == ["websocket", "comm"]


def test_live_bundle_takes_the_widget_but_not_its_text(begun_run):
    view = {"application/vnd.jupyter.widget-view+json": {}, "text/plain": "Panel()"}
    data, _ = live_bundle(begun_run, view)
    assert "application/vnd.jupyter.widget-view+json" in data
    assert data["text/plain"] == "article: run in progress"


def test_live_bundle_shows_the_picture_before_the_first_event(begun_run):
    html = live_bundle(begun_run)[0]["text/html"]
    assert "<svg" in html
    assert "had not ended" in html
