"""Stores that are reached by TLS: under a right authority, and not under a wrong one."""

import asyncio
import os
import pwd
import socket
from urllib.parse import quote

import psycopg
import pytest
import redis as redis_client
import trustme
from postgres_harness import OWNER

from kgnb.errors import Unavailable
from kgnb.server.beginning import Beginning
from kgnb.server.host import Host, Settings
from kgnb.server.logs import Claim
from kgnb.storage import Append, Record, Transaction, open_log

SECRET = "canary"


@pytest.fixture(scope="module")
def authorities(tmp_path_factory):
    """Files of the one that signs, and of one that nobody knows; the right one too."""
    folder = tmp_path_factory.mktemp("authorities")
    right, wrong = trustme.CA(), trustme.CA()
    right.cert_pem.write_to_path(folder / "right.pem")
    wrong.cert_pem.write_to_path(folder / "wrong.pem")
    return right, folder / "right.pem", folder / "wrong.pem"


@pytest.fixture(scope="module")
def certificate(authorities, tmp_path_factory):
    """Certificate and key of 127.0.0.1, which PostgreSQL's user can read."""
    folder = tmp_path_factory.mktemp("certificate", numbered=False)
    issued = authorities[0].issue_cert("127.0.0.1")
    chain, key = folder / "chain.pem", folder / "key.pem"
    chain.write_bytes(b"".join(each.bytes() for each in issued.cert_chain_pems))
    issued.private_key_pem.write_to_path(key)
    key.chmod(0o600)
    return chain, key


def let_in(redis):
    """Let somebody in who has a password."""
    with redis_client.Redis(port=redis.port) as client:
        client.acl_setuser(
            "kgnb",
            enabled=True,
            passwords=[f"+{SECRET}"],
            keys=["*"],
            commands=["+@all"],
            channels=["*"],
        )


@pytest.fixture(scope="module")
def redis_url(redis, certificate):
    """The address by TLS, with a password, under the authority of a file."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    chain, key = certificate
    let_in(redis)
    with redis_client.Redis(port=redis.port) as client:
        client.config_set("tls-cert-file", str(chain), "tls-key-file", str(key))
        client.config_set("tls-auth-clients", "no")
        client.config_set("tls-port", port)
    yield (
        lambda file: (
            f"rediss://kgnb:{SECRET}@127.0.0.1:{port}/0"
            f"?prefix=tls&ssl_ca_certs={quote(str(file), safe='')}"
        )
    )
    with redis_client.Redis(port=redis.port) as client:
        client.config_set("tls-port", 0)


@pytest.fixture(scope="module")
def postgres_url(postgres, certificate):
    url = postgres.new_database().replace("://postgres@", f"://kgnb:{SECRET}@")
    folder = postgres.folder
    paths = [folder / "chain.pem", folder / "key.pem"]
    for source, path in zip(certificate, paths, strict=True):
        path.write_bytes(source.read_bytes())
        path.chmod(0o600)
        if os.getuid() == 0:
            os.chown(path, pwd.getpwnam(OWNER).pw_uid, -1)
    with psycopg.connect(postgres.url("postgres"), autocommit=True) as client:
        client.execute(f"CREATE ROLE kgnb SUPERUSER LOGIN PASSWORD '{SECRET}'")
        client.execute(f"ALTER SYSTEM SET ssl_cert_file = '{paths[0]}'")
        client.execute(f"ALTER SYSTEM SET ssl_key_file = '{paths[1]}'")
        client.execute("ALTER SYSTEM SET ssl = on")
        client.execute("SELECT pg_reload_conf()")
    yield lambda file: f"{url}?sslmode=verify-full&sslrootcert={file}"
    with psycopg.connect(postgres.url("postgres"), autocommit=True) as client:
        client.execute("ALTER SYSTEM RESET ALL")
        client.execute("SELECT pg_reload_conf()")


@pytest.fixture(params=["redis", "postgres"])
def url_under(request):
    """Gives the address under the authority of a file."""
    return request.getfixturevalue(f"{request.param}_url")


def test_log_by_tls_under_the_right_authority_keeps_what_it_is_told(
    url_under, authorities
):
    async def main():
        log = open_log(url_under(authorities[1]))
        await log.open()
        try:
            await log.commit([Transaction(appends=(Append("s", (b"1",)),))])
            assert await log.read("s", 0, 9) == [Record(1, b"1")]
        finally:
            await log.aclose()

    asyncio.run(main())


def test_log_by_tls_under_a_wrong_authority_is_refused_in_words(
    url_under, authorities, caplog
):
    log = open_log(url_under(authorities[2]))
    with caplog.at_level("DEBUG"), pytest.raises(Unavailable) as refused:
        asyncio.run(log.open())
    text = str(refused.value)
    assert "certificate verify failed" in text
    assert "127.0.0.1" in text
    assert SECRET not in text + caplog.text + repr(log)


@pytest.mark.parametrize(
    "url",
    [
        f"redis://:{SECRET}/x@127.0.0.1:1/0",
        f"redis://kgnb:{SECRET}@127.0.0.1:1/zero?health_check_interval={SECRET}",
        f"postgresql://kgnb:{SECRET}@127.0.0.1:1/x?nonsense={SECRET}",
        f"postgresql://kgnb:{SECRET}%zz@127.0.0.1:1/x",
        f"postgresql://kgnb:{SECRET}@127.0.0.1:1/x",
    ],
)
def test_address_that_is_wrong_is_refused_without_its_password(url, caplog):
    with caplog.at_level("DEBUG"), pytest.raises(Unavailable) as refused:
        asyncio.run(open_log(url).open())
    assert SECRET not in str(refused.value) + caplog.text


def test_server_says_where_it_keeps_runs_without_the_password(redis, caplog):
    let_in(redis)
    url = redis.new_url().replace("://", f"://kgnb:{SECRET}@")

    class Driver:
        async def start(self):
            pass

    async def main():
        with caplog.at_level("DEBUG"):
            starting = Beginning(
                Host(Settings()),
                lambda: Claim(url),
                lambda *_: Driver(),
                what="log_url",
            )
            await starting.start()

    asyncio.run(main())
    assert "keeps runs in redis://127.0.0.1" in caplog.text
    assert SECRET not in caplog.text
