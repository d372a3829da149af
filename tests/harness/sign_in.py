"""An agent's sign-in without a browser: the console's session, its cookie, and one-use tokens for sockets."""

from __future__ import annotations

import hashlib
import secrets

import httpx2

from tests.harness.postgres import fetched
from tests.harness.server import PASSWORD, Server

_MORE_AGENTS = """WITH made AS (
    INSERT INTO agents (email, name, password_hash, status, capacity, created_at)
    SELECT 'agente-' || n || '@demo.test', 'Agente ' || n, '-', 'busy', 1, 0 FROM generate_series(1, $1::int) AS n RETURNING id
) INSERT INTO agent_apps (agent_id, app_id) SELECT made.id, apps.id FROM made, apps WHERE apps.key = 'demo'"""
_CHANGED = "UPDATE meta SET value = gen_random_uuid() WHERE key = 'people'"
_SIGN_IN = """INSERT INTO sessions (token_hash, agent_id, created_at, expires_at)
SELECT $1, id, 0, 9000000000000 FROM agents WHERE email = $2"""


def agent_mail(number: int) -> str:
    """Of the agents that `more_agents` makes, from 1 on."""
    return f"agente-{number}@demo.test"


async def more_agents(url: str, count: int) -> None:
    """Into a PostgreSQL database with the demo's app: busy, with room for one chat each, and without a password that fits. Nodes
    that run already know them soon after."""
    await fetched(url, _MORE_AGENTS, count)
    await fetched(url, _CHANGED)


async def new_session(url: str, mail: str) -> str:
    """The token of one that the database finds: a password would take most of a test's time."""
    token = secrets.token_urlsafe(32)
    await fetched(url, _SIGN_IN, hashlib.sha256(token.encode()).hexdigest(), mail)
    return token


class Desk:
    """Signs in at the first token, unless it is given the token of a `session` that is there already; the session outlives the
    server's restarts."""

    def __init__(self, server: Server, email: str, session: str = "") -> None:
        self.server = server
        self.email = email
        self.patient = False
        """The database may be away: that a server fails for now is no surprise."""
        self._cookies = httpx2.Cookies({"session": session} if session else None)

    def token(self) -> str:
        """For one socket, good for 30 seconds. Raises OSError while the server is away."""
        try:
            with self._client() as client:
                if not self._cookies:
                    signed_in = client.post(
                        "/console/session", json={"email": self.email, "password": PASSWORD}
                    )
                    self._may_fail(signed_in)
                    assert signed_in.is_success, f"sign-in answered {signed_in.status_code}: {signed_in.text}"
                    self._cookies = client.cookies
                answer = client.post("/console/socket-token", json={})
        except httpx2.TransportError as error:
            raise OSError(str(error)) from error
        if answer.status_code == 502:
            raise OSError("a balancer says that nobody took it")
        self._may_fail(answer)
        assert answer.is_success, f"the token for a socket: {answer.status_code}: {answer.text}"
        token: str = answer.json()["token"]
        return token

    def sign_out(self) -> None:
        with self._client() as client:
            answer = client.delete("/console/session")
        assert answer.is_success, f"signing out answered {answer.status_code}: {answer.text}"

    def _client(self) -> httpx2.Client:
        # A console is a page of the server's own origin: requests from elsewhere are refused.
        headers = {"origin": self.server.origin, "sec-fetch-site": "same-origin"}
        # It speaks without TLS: to load the certificates of the world's authorities would take most of the time.
        return httpx2.Client(
            base_url=self.server.origin, headers=headers, cookies=self._cookies, trust_env=False, verify=False
        )

    def _may_fail(self, answer: httpx2.Response) -> None:
        if self.patient and answer.status_code in (500, 503):
            raise OSError("the server has no database")
