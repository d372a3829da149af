from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.harness.redis import RedisServer, redis_server


@pytest.fixture(scope="session")
def shared_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """One for all tests that do it no harm: each is an installation of its own."""
    with redis_server(tmp_path_factory.mktemp("redis")) as server:
        yield server
