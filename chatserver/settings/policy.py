"""Defaults of every app's policy, as settings: what each is, and what it may be."""

from __future__ import annotations

import typing
from collections.abc import Callable
from typing import Any

from chatserver.core.policy import Policy
from chatserver.settings.casts import DAY, one_of, whole, yes

POLICY_DOCS = {
    "inactivity_seconds": "A chat closes after so long without any activity of the customer.",
    "inactivity_warning_seconds": "So long before that both sides see a countdown; half of the whole time where that is shorter.",
    "inactivity_strict": "Only the customer's own activity gives time again; the clock never stands still.",
    "first_answer_seconds": "An assigned agent who has not answered for so long lets the ticket pass to the next one.",
    "queue_offer_seconds": "After so long in the queue the customer is offered to leave the ticket for later.",
    "priority_step_seconds": "A waiting ticket rises one level of priority per so long.",
    "agent_fresh_seconds": "An agent who disconnected still counts as attending for so long.",
    "agent_grace_seconds": "A disconnected agent has so long to come back before their chats return to the queue.",
    "open_chats_per_customer": "Chats that one customer may have open at once.",
    "assignment": "`auto`: tickets go to the least loaded agent. `manual`: agents take them.",
    "same_agent": "A customer's next chat goes to the agent who answered their last one, if that agent is free.",
    "request_when_unattended": "While no agent is available, take a request for later instead of starting a chat.",
    "file_mib": "The largest file that is taken, in MiB; 0: none at all.",
    "files_per_message": "So many files may be in one message.",
    "file_mib_per_person": "What one customer may send up on a day (of UTC), in MiB.",
    "file_mib_per_network": "The same for one network address, whoever is behind it. Counted as the connections are.",
    "file_mib_per_app": "And for all customers and agents of an app together.",
    "file_percent_of_unverified": "So much of that, in percent, is for what comes with unverified mail: the rest is others'.",
    "ask_name": "Ask the customer's name at the start: `no`, `optional` or `required`.",
    "ask_email": "Ask the customer's e-mail at the start, alike.",
    "identity_required": "Only users that the host vouches for may chat.",
    "rating_first_seconds": "A closed ticket can be rated for so long.",
    "rating_change_seconds": "A rating can be changed for so long.",
    "pending_reminder_seconds": "A ticket that waits for its customer (*Pendiente*) is reminded of after so long; 0: never.",
    "pending_close_seconds": "And closed after so long.",
    "answer_low_seconds": "First answer to a request of low priority (*Bajo*): the target that agents see; 0: none.",
    "answer_medium_seconds": "The same of medium priority (*Medio*), and as long as nobody classified it.",
    "answer_high_seconds": "The same of high priority (*Alto*).",
    "answer_urgent_seconds": "The same of urgent ones (*Urgente*).",
    "solve_low_seconds": "End of a request of low priority: the target that agents see; 0: none.",
    "solve_medium_seconds": "The same of medium priority, and as long as nobody classified it.",
    "solve_high_seconds": "The same of high priority.",
    "solve_urgent_seconds": "The same of urgent ones.",
    "mail": "Customers get mails about their tickets; an app may have none. With `no`, or without SMTP_URL, nobody does.",
    "mail_stranger": "A mail that names a ticket in which its sender takes no part: `ticket`, it becomes one of their own; "
    "`note`, an internal note on that one, unless it is closed, and they get no answer: by that anybody can find out which "
    "numbers are open ([email.md](email.md#what-becomes-of-a-mail)).",
    "mail_original_days": "A mail that came in is kept for so many days as it came; what it became stays. 0: for ever.",
    "mail_original_mib": "The same of an app up to so many MiB together. Which go first: [email.md](email.md#in). 0: no bound.",
    "answers_mailed_seconds": "Answers that a customer has not seen for so long are gathered in a mail.",
}
_POLICY_LEAST = {
    "open_chats_per_customer": 1,
    "inactivity_seconds": 1,
    "priority_step_seconds": 1,
    "pending_close_seconds": 60,
}
_POLICY_MOST = {
    "file_mib": 1_024,
    "files_per_message": 100,
    "file_percent_of_unverified": 100,
    "mail_original_days": 36_500,
    "mail_original_mib": 10_000_000,
}


def policy_casts() -> dict[str, Callable[[str], Any]]:
    """By the names of `Policy`: text → value, or ValueError with what is wrong, to follow the name."""
    casts: dict[str, Callable[[str], Any]] = {}
    for name, kind in typing.get_type_hints(Policy).items():
        if kind is bool:
            casts[name] = yes
        elif kind is int:
            casts[name] = whole(_POLICY_LEAST.get(name, 0), _POLICY_MOST.get(name, 366 * DAY))
        else:
            casts[name] = one_of(*typing.get_args(kind))
    return casts
