"""Passwords, users, databases, Unix sockets and TLS; a Redis that hides or refuses something."""

from __future__ import annotations

import datetime as dt
import ipaddress
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from chatserver.bus.redis import BusRefused, RedisBus
from tests.bus.nodes import acquainted, new_installation, nodes
from tests.harness.redis import redis_server, say
from tests.harness.server import free_port
from tests.harness.waiting import soon

PASSWORD = "ge:h@im/"
QUOTED = "ge%3Ah%40im%2F"
VERBS = ("+@pubsub", "+@list", "+@set", "+@keyspace", "+@connection")


async def test_by_a_password_and_a_unix_socket_and_in_a_database(tmp_path: Path) -> None:
    socket = tmp_path / "redis.sock"
    with redis_server(tmp_path / "redis", "--requirepass", PASSWORD, "--unixsocket", str(socket)) as redis:
        by_port = f"redis://:{QUOTED}@127.0.0.1:{redis.port}/3"
        by_path = f"unix://:{QUOTED}@{socket}?db=3"
        async with nodes(by_port, by_path) as (a, b):
            b.listen("t")
            await acquainted(a, b)
            a.say(1, "t")
            await b.hears(1)


async def test_a_user_needs_only_what_begins_with_our_name(tmp_path: Path) -> None:
    """The patterns are those of docs/architecture.md."""
    users = [
        part
        for name, ours in (("chat", "chatserver"), ("other", "another"))
        for part in ("--user", name, "on", f">{PASSWORD}", f"~{{{ours}}}:*", f"&{ours}:*", *VERBS)
    ]
    with redis_server(tmp_path / "redis", *users) as redis:
        at = f"{QUOTED}@127.0.0.1:{redis.port}"
        async with nodes(*[f"redis://chat:{at}"] * 2) as (a, b):
            b.listen("t")
            await acquainted(a, b)
            a.say(1, "t")
            await b.hears(1)
        with pytest.raises(BusRefused, match="NOPERM"):
            await RedisBus.open(
                f"redis://other:{at}", node="n", installation="i", key=b"k", missed=lambda: None
            )


async def test_a_wrong_password_is_said_and_not_repeated(tmp_path: Path) -> None:
    with redis_server(tmp_path / "redis", "--requirepass", PASSWORD) as redis:
        for url in (f"redis://:falsch@127.0.0.1:{redis.port}", redis.url):
            with pytest.raises(BusRefused, match=r"^Redis at .*(WRONGPASS|NOAUTH)") as caught:
                await RedisBus.open(url, node="n", installation="i", key=b"k", missed=lambda: None)
            assert f"127.0.0.1:{redis.port}" in str(caught.value)
            assert "falsch" not in str(caught.value)
            assert "Correct its password in REDIS_URL: redis://:password@host:6379" in str(caught.value)


async def test_a_database_number_that_is_not_there_is_said_with_one_that_is(tmp_path: Path) -> None:
    with (
        redis_server(tmp_path / "redis") as redis,
        pytest.raises(BusRefused, match=r"DB index is out of range\. Take another number .*: /0\.$"),
    ):
        await RedisBus.open(f"{redis.url}/99", node="n", installation="i", key=b"k", missed=lambda: None)


@pytest.mark.parametrize("unknown", ["AUTH", "RPUSH"])
async def test_a_command_that_it_does_not_know_is_said_without_what_came_with_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, unknown: str
) -> None:
    """Redis repeats the first 128 bytes. Behind a proxy, or at a server that is only like it, some command may be missing."""
    with redis_server(tmp_path / "redis", "--rename-command", unknown, "") as redis:
        url = f"redis://:falsch@127.0.0.1:{redis.port}" if unknown == "AUTH" else redis.url
        bus = await RedisBus.open(url, node="n", installation="i", key=b"k", missed=lambda: None)
        await soon(lambda: f"unknown command '{unknown}'" in caplog.text, "it is said")
        await bus.close()
    assert "falsch" not in caplog.text
    assert "with args" not in caplog.text


async def test_two_installations_hear_nothing_of_each_other(tmp_path: Path) -> None:
    with redis_server(tmp_path / "redis") as redis:
        async with nodes(redis.url) as (a,), nodes(redis.url) as (b,):
            b.listen("t")
            a.say(1, "t")
            assert a.bus.others() == b.bus.others() == set()
            (keys,) = await say(redis.port, ("KEYS", "*"))
            assert len(keys) == 4
            assert b.heard == []


async def test_by_tls(tmp_path: Path) -> None:
    certificate, key = certificate_for_loopback(tmp_path)
    port = free_port()
    tls = ("--tls-port", str(port), "--tls-cert-file", str(certificate), "--tls-key-file", str(key))
    with redis_server(
        tmp_path / "redis", *tls, "--tls-auth-clients", "no", "--tls-ca-cert-file", str(certificate)
    ):
        url = f"rediss://127.0.0.1:{port}"
        async with nodes(*[f"{url}?ssl_ca_certs={certificate}"] * 2) as (a, b):
            b.listen("t")
            await acquainted(a, b)
            a.say(1, "t")
            await b.hears(1)
        for wrong in (url, f"redis://127.0.0.1:{port}"):  # nobody vouches for it; it speaks TLS only
            bus = await RedisBus.open(wrong, node="n", installation="i", key=b"k", missed=lambda: None)
            assert not bus.connected
            await bus.close()


async def test_the_operator_sees_what_goes_through_redis_and_that_it_is_there(tmp_path: Path) -> None:
    new = new_installation()
    with redis_server(tmp_path / "redis") as redis:
        async with nodes(redis.url, redis.url, installation=new) as (a, b):
            b.listen("t")
            await acquainted(a, b)
            a.say(1, "t")
            await b.hears(1)
            lines = a.metrics.text({}).splitlines()
            assert "chatserver_redis_up 1" in lines
            assert 'chatserver_hints_total{way="sent"} 1' in lines
            assert 'chatserver_hints_total{way="received"} 1' in b.metrics.text({}).splitlines()
    assert "chatserver_redis_up 0" in a.metrics.text({}).splitlines()


def certificate_for_loopback(directory: Path) -> tuple[Path, Path]:
    """Signed by itself, for a day."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    loopback = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(loopback, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate_file, key_file = directory / "redis.crt", directory / "redis.key"
    certificate_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return certificate_file, key_file
