"""What an operator may write for Redis, and what is said about the rest."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from chatserver.bus.redis_address import Address, Credentials, Place, parse

GOOD: dict[str, Address] = {
    "redis://localhost": Address("server", (Place("localhost", 6379),)),
    "redis://10.0.0.1:7000/3": Address("server", (Place("10.0.0.1", 7000),), db=3),
    "redis://h?db=2": Address("server", (Place("h", 6379),), db=2),
    "redis://h/": Address("server", (Place("h", 6379),)),
    "redis://[::1]:6380": Address("server", (Place("::1", 6380),)),
    "redis://:p%40ss%3A@h": Address("server", (Place("h", 6379),), Credentials("", "p@ss:")),
    "redis://chat:word@h": Address("server", (Place("h", 6379),), Credentials("chat", "word")),
    "unix:///run/redis/redis.sock?db=1": Address("server", (Place(path="/run/redis/redis.sock"),), db=1),
    "unix://:word@/run/r%20s": Address("server", (Place(path="/run/r s"),), Credentials("", "word")),
    "redis+sentinel://:word@h1,h2:26380/chat/1?sentinel_password=s": Address(
        "sentinel",
        (Place("h1", 26379), Place("h2", 26380)),
        Credentials("", "word"),
        db=1,
        master="chat",
        sentinel_credentials=Credentials("", "s"),
    ),
    "redis+cluster://h1:7000,h2:7001,[::2]": Address(
        "cluster", (Place("h1", 7000), Place("h2", 7001), Place("::2", 6379))
    ),
}


@pytest.mark.parametrize("url", GOOD)
def test_an_address_is_understood(url: str) -> None:
    assert parse(url) == GOOD[url]


@pytest.mark.parametrize(
    "url",
    [
        "",
        "localhost:6379",
        "http://h",
        "redis:/h",
        "redis://",
        "redis://:6379",
        "redis://h:0",
        "redis://h:65536",
        "redis://h:port",
        "redis://h/name",
        "redis://h/-1",
        "redis://h/1/2",
        "redis://h1,h2",
        "redis://a b",
        "redis://:geheim@x@h",
        "redis://:geheim/x@h",
        "redis://h?password=geheim",
        "redis://h?ssl_ca_certs=/x",
        "redis://h#geheim",
        "unix://",
        "unix://relative/path",
        "redis+sentinel://h",
        "redis+sentinel://h/",
        "redis+sentinel://h,/name",
        "redis+cluster://h/1",
        "redis+cluster://h?sentinel_password=geheim",
        "rediss://h?ssl_cert_reqs=maybe",
        "rediss://h?ssl_check_hostname=maybe",
        "rediss://h?ssl_ca_certs=/nowhere/at/all",
    ],
)
def test_what_cannot_be_meant_is_refused_with_a_sentence_that_repeats_no_password(url: str) -> None:
    with pytest.raises(ValueError, match=r"^[a-z].*\.$") as caught:
        parse(url)
    assert "geheim" not in str(caught.value)


def test_who_prints_an_address_sees_no_password() -> None:
    address = parse("redis+sentinel://chat:geheim@h1,h2:1/name?sentinel_password=geheim")
    assert "geheim" not in repr(address)
    assert str(address) == "name of h1:26379, h2:1"
    assert str(parse("redis://[::1]:1")) == "[::1]:1"


def test_tls_trusts_what_the_system_trusts_unless_told_otherwise(tmp_path: Path) -> None:
    strict = parse("rediss://h").tls
    assert strict is not None
    assert (strict.verify_mode, strict.check_hostname) == (ssl.CERT_REQUIRED, True)
    lax = parse("rediss+cluster://h?ssl_cert_reqs=none").tls
    assert lax is not None
    assert (lax.verify_mode, lax.check_hostname) == (ssl.CERT_NONE, False)
    names = parse("rediss+sentinel://h/n?ssl_check_hostname=false").tls
    assert names is not None
    assert (names.verify_mode, names.check_hostname) == (ssl.CERT_REQUIRED, False)
