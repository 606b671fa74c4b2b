"""What an application may configure, and what is said of what it may not."""

import pytest

from kgnb.errors import InvalidValue
from kgnb.server.asgi.config import Config, read_config

WEBSOCKET_CONFIG = {
    "max_connections": 1000,
    "ping_interval": 30,
    "ping_timeout": 10,
    "max_message_size": 1024 * 1024,  # 1MB
    "compression": "deflate",
    "origins": ["http://localhost:3000"],  # CORS
}
"""As the document prints it."""


def test_config_of_the_document_is_taken_and_is_the_default_but_for_origins():
    assert read_config(WEBSOCKET_CONFIG) == Config(origins=("http://localhost:3000",))


def test_config_reaches_sockets_broker_and_uvicorn():
    config = read_config(
        WEBSOCKET_CONFIG
        | {"max_connections": 7, "ping_interval": 0, "retention_days": 2}
    )
    assert config.limits().retention == 2 * 86_400
    assert config.settings("root").allow_origins == ("http://localhost:3000",)
    assert config.limits().max_connections == 7
    assert config.limits().frame.max_size == 1024 * 1024
    options = config.uvicorn_options()
    assert (options["ws_ping_interval"], options["ws_ping_timeout"]) == (None, 10)
    assert options["ws_max_size"] == 1024 * 1024
    assert options["ws_per_message_deflate"] is True


@pytest.mark.parametrize("log", ["redis://a", "rediss://a", "postgresql://a/b"])
def test_config_of_several_servers_needs_a_log_that_they_share(log):
    config = read_config({"backplane_url": "rediss://a", "log_url": log})
    assert config.backplane_url == "rediss://a"


def test_config_argument_wins_over_the_dict():
    config = read_config(WEBSOCKET_CONFIG, allow_origins=["http://a.example"])
    assert config.origins == ("http://a.example",)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"max_conections": 1}, "'max_conections'; did you mean 'max_connections'?"),
        ({"nothing": 1}, "unknown key 'nothing' (known: max_connections,"),
        ({"max_connections": 0}, "`int` >= 1 - at `max_connections`"),
        ({"ping_interval": "30"}, "at `ping_interval`"),
        ({"compression": "zip"}, "at `compression`"),
        ({"origins": "http://a.example"}, "expected a list of origins"),
        ({"backplane_url": "amqp://a"}, "backplane_url: expected redis://… or"),
        ({"backplane_url": "redis://a"}, "log_url: servers that a backplane_url joins"),
        (
            {"backplane_url": "redis://a", "log_url": "redis://a"}
            | {"session_url": "memory://"},
            "session_url: servers that a backplane_url joins",
        ),
        (
            {"backplane_url": "redis://:secret@a", "log_url": "sqlite:///log.sqlite"},
            "got 'sqlite:///log.sqlite'",
        ),
    ],
)
def test_config_that_is_none_is_refused_by_name(given, told):
    with pytest.raises(InvalidValue) as error:
        read_config(given)
    assert told in str(error.value)
