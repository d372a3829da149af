"""Settings of connections and of how often somebody may do something."""

from __future__ import annotations

from dataclasses import dataclass

from chatserver.settings import casts
from chatserver.settings.casts import setting


@dataclass(frozen=True)
class Limits:
    """Signs of life, connections, rates: seconds, and counts per what their names say."""

    customer_heartbeat_seconds: float = setting(
        25.0,
        casts.number(1, 300),
        "How often a customer's browser gives a sign of life; after two missed it is gone.",
    )
    agent_heartbeat_seconds: float = setting(
        5.0,
        casts.number(0.5, 60),
        "How often an agent's browser gives a sign of life; after two missed it is gone.",
    )
    linger_seconds: float = setting(
        5.0,
        casts.number(0, 10),
        "Who left counts as gone after so long, and as of then: who reloads a page, or has another tab at another server, was "
        "never gone. Not longer than `CHATSERVER_AGENT_GRACE_SECONDS`.",
    )
    hello_seconds: float = setting(
        10.0, casts.number(0.5, 60), "A new connection must say who it is within so long."
    )
    connections_per_second: int = setting(
        100,
        casts.whole(1, 100_000),
        "New WebSockets of customers in any one second, and as many of agents; further ones are told when to come back. One "
        "network address gets half of it.",
    )
    max_connections: int = setting(
        20_000, casts.whole(1, 1_000_000), "Open WebSockets at once; further ones are told to try later."
    )
    connections_per_person: int = setting(
        50,
        casts.whole(1, 1_000_000),
        "Open connections of one customer or agent to one server, all tabs and devices; further ones are told to try later.",
    )
    connections_per_address: int = setting(
        2_000,
        casts.whole(1, 1_000_000),
        "Open WebSockets of one network address. Addresses that are not of the internet are not counted.",
    )
    tickets_per_address: int = setting(
        300,
        casts.whole(1, 1_000_000),
        "Tickets that one network address may open in a minute, whoever is behind it. Counted as the connections are.",
    )
    messages_per_minute: int = setting(
        100, casts.whole(1, 100_000), "Messages of one person in the long run; more are `rate_limited`."
    )
    messages_burst: int = setting(20, casts.whole(1, 10_000), "Messages that one person may send at once.")
    reads_per_minute: int = setting(
        600,
        casts.whole(1, 1_000_000),
        "Conversations, and pages of them, that one person may open in the long run, over all tabs.",
    )
    reads_burst: int = setting(
        340, casts.whole(1, 100_000), "Conversations, and pages of them, that one person may open at once."
    )
    frames_per_minute: int = setting(
        600, casts.whole(1, 1_000_000), "Frames of one connection in the long run."
    )
    frames_burst: int = setting(120, casts.whole(1, 100_000), "Frames that one connection may send at once.")
    help_reads_per_address: int = setting(
        1_200,
        casts.whole(1, 1_000_000),
        "Searches and suggestions of help articles that one network address may ask for in a minute; as many page views of it "
        "are counted.",
    )
    help_votes_per_address: int = setting(
        60,
        casts.whole(1, 100_000),
        "Answers to «¿Te fue útil este artículo?» that one network address may give in an hour.",
    )
