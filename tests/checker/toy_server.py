"""A chat server small enough to be right at a glance, with eight classic faults that can be switched on.

It shows that the checker has eyes: without a fault nothing is found, with each fault its rule speaks.
"""

from __future__ import annotations

import random
from typing import Literal

from tests.checker.checker import Evidence, Op, Owned, Result, Shown, Stored

Fault = Literal[
    "ack before commit",
    "no unique index",
    "number outside the transaction",
    "replay off by one",
    "part of a gap",
    "stale owner",
    "doubled listener",
    "foreign ticket",
]
PAGE = 3
TICKETS = (1, 2)


def members_of(ticket: int) -> frozenset[str]:
    return frozenset({f"customer-{ticket}", "agent-1"})


class Reader:
    """A screen that is away now and then and asks for what it missed when it comes back."""

    def __init__(self, name: str, ticket: int) -> None:
        self.name = name
        self.ticket = ticket
        self.here = True
        self.last = 0


class ToyServer:
    def __init__(self, fault: Fault | None, seed: int) -> None:
        self.fault = fault
        self.dice = random.Random(seed)
        self.now = 0.0
        self.rows: list[Stored] = []
        self.counter = dict.fromkeys(TICKETS, 0)
        self.history: list[Op] = []
        self.shown: list[Shown] = []
        self.owned: list[Owned] = []
        self.readers = [Reader(name, ticket) for ticket in TICKETS for name in sorted(members_of(ticket))]

    def run(self, steps: int) -> Evidence:
        for number in range(steps):
            self.now += 1
            ticket = self.dice.choice(TICKETS)
            author = self.dice.choice(sorted(members_of(ticket)))
            self.comes_and_goes()
            self.say(ticket, author, f"cid-{number}")
            if number % 10 == 9:
                self.hands_over(ticket)
        for reader in self.readers:
            self.returns(reader)
        members = {ticket: members_of(ticket) for ticket in TICKETS}
        return Evidence(self.history, self.shown, self.rows, members, self.owned)

    def say(self, ticket: int, author: str, cid: str) -> None:
        outcome = self.dice.choice(["ok", "ok", "ok", "crash before commit", "answer lost", "refused"])
        if outcome == "refused":
            self.log(ticket, author, cid, "fail")
        elif outcome == "crash before commit":
            self.crash(ticket, author, cid)
        else:
            seq = self.commit(ticket, author, cid)
            if outcome == "answer lost" and self.dice.random() < 0.5:
                # The client never hears, and never comes back to ask.
                self.log(ticket, author, cid, "unknown")
                return
            if outcome == "answer lost":
                seq = self.commit(ticket, author, cid)
            self.log(ticket, author, cid, "ok", seq)

    def crash(self, ticket: int, author: str, cid: str) -> None:
        if self.fault == "ack before commit":
            self.log(ticket, author, cid, "ok", self.next_seq(ticket))
            return
        if self.fault == "number outside the transaction":
            self.counter[ticket] += 1
        self.log(ticket, author, cid, "unknown")

    def commit(self, ticket: int, author: str, cid: str) -> int:
        for row in self.rows:
            if self.fault != "no unique index" and (row.ticket, row.author, row.cid) == (ticket, author, cid):
                return row.seq
        row = Stored(ticket, self.next_seq(ticket), author, cid)
        self.counter[ticket] = row.seq
        self.rows.append(row)
        self.fan_out(row)
        return row.seq

    def next_seq(self, ticket: int) -> int:
        return self.counter[ticket] + 1

    def fan_out(self, row: Stored) -> None:
        for reader in self.readers:
            if reader.here and reader.ticket == row.ticket:
                self.show(reader, row)
        if self.fault == "foreign ticket" and row.seq % 7 == 0:
            self.shown.append(Shown("customer-9", row.ticket, row.seq, row.cid))

    def show(self, reader: Reader, row: Stored) -> None:
        times = 2 if self.fault == "doubled listener" and row.seq % 5 == 0 else 1
        self.shown.extend([Shown(reader.name, row.ticket, row.seq, row.cid)] * times)
        reader.last = row.seq

    def comes_and_goes(self) -> None:
        reader = self.dice.choice(self.readers)
        if self.dice.random() < 0.3:
            if reader.here:
                reader.here = False
            else:
                self.returns(reader)

    def returns(self, reader: Reader) -> None:
        if reader.here:
            return
        after = reader.last + (self.fault == "replay off by one")
        missed = [row for row in self.rows if row.ticket == reader.ticket and row.seq > after]
        for row in missed[:PAGE] if self.fault == "part of a gap" else missed:
            self.show(reader, row)
        reader.here = True

    def hands_over(self, ticket: int) -> None:
        late = 3 if self.fault == "stale owner" else 0
        held = [owned for owned in self.owned if owned.ticket == ticket]
        since = max((owned.until for owned in held), default=0.0) - late
        self.owned.append(Owned(ticket, f"agent-{len(held) % 2}", since, self.now))

    def log(self, ticket: int, author: str, cid: str, result: Result, seq: int = 0) -> None:
        self.history.append(Op("say", author, ticket, cid, self.now, self.now + 0.5, result, seq))
