"""Plays the events of a case of tests/cases/inactivity.json on a ticket."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from chatserver.core import tickets
from chatserver.core.inactivity import Clock
from chatserver.core.policy import Policy
from chatserver.core.tickets import Ticket
from tests.core.samples import agent, draft


def after_events(case: dict[str, Any]) -> Clock | None:
    """The facts of the clock after all that happened."""
    policy = Policy(
        inactivity_seconds=case["seconds"],
        inactivity_warning_seconds=case["warning_seconds"],
        inactivity_strict=case["strict"],
    )
    new = draft(opened_at=case["start"])
    if case["email"]:
        new = replace(new, email="ana@example.com")
    ticket = tickets.opened(new, policy, closes_at=None, connected=case["connected"]).ticket
    for number, event in enumerate(case["events"]):
        ticket = _happened(ticket, event["what"], event["at"], policy, f"{number:022}").ticket
    return tickets.clock(ticket, policy)


def _happened(ticket: Ticket, what: str, now: int, policy: Policy, cid: str) -> tickets.Step:
    someone = agent()
    match what:
        case "assigned":
            return tickets.assigned(ticket, someone, policy, now)
        case "customer_says":
            return tickets.customer_said(ticket, "Hola", cid, now)
        case "agent_says":
            return tickets.agent_said(ticket, someone, "Hola", cid, now)
        case "proposes":
            return tickets.agent_said(ticket, someone, "¿Listo?", cid, now, proposal=True)
        case "declined":
            return tickets.answered_proposal(ticket, False, now)
        case "requeued":
            return tickets.requeued(ticket, "agent_gone", policy, now, closes_at=None)
        case "typing" | "here":
            return tickets.customer_active(ticket, now)
        case "gone":
            return tickets.customer_gone(ticket, now)
        case "back":
            return tickets.customer_back(ticket)
        case "restart":
            return tickets.interrupted(ticket, policy, now)
        case _:
            raise ValueError(what)
