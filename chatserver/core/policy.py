"""What an app decides for itself: every ⏱ default of the specification that the live chat uses.

Stored as JSON per app; a field that is absent has the server's default (settings `CHATSERVER_…`), so that a default changed
later reaches every app that never chose.
"""

from __future__ import annotations

from typing import Literal

import msgspec

Ask = Literal["no", "optional", "required"]


class Policy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Times are whole seconds."""

    inactivity_seconds: int = 300
    inactivity_warning_seconds: int = 60
    inactivity_strict: bool = False
    """Only the customer's own activity gives time again; the clock never stands still."""
    first_answer_seconds: int = 60
    """An assigned agent who has not answered for so long lets the ticket pass to the next one."""
    queue_offer_seconds: int = 60
    """After so long in the queue the customer is offered to leave the ticket to be answered later."""
    priority_step_seconds: int = 600
    """A waiting ticket rises one level of priority per so long."""
    agent_fresh_seconds: int = 15
    """An agent who disconnected still counts as attending for so long (a reload is no absence)."""
    agent_grace_seconds: int = 30
    """A disconnected agent has so long to come back before their chats return to the head of the queue."""
    open_chats_per_customer: int = 3
    assignment: Literal["auto", "manual"] = "auto"
    same_agent: bool = True
    """A customer's next chat goes to the agent who answered their last one, if that agent is free."""
    request_when_unattended: bool = False
    """Show the leave-a-request view instead of starting a chat while no agent is available."""
    file_mib: int = 20
    """The largest file that is taken, in MiB; 0: none at all."""
    files_per_message: int = 10
    file_mib_per_person: int = 200
    """What one person may send up on a day (of UTC)."""
    file_mib_per_network: int = 2_000
    """The same for one network address, whoever is behind it."""
    file_mib_per_app: int = 10_000
    """And for all customers and agents of an app together."""
    file_percent_of_unverified: int = 25
    """Of that so many hundredths for mails whose From nobody stands by: anybody may send those, in any number of names."""
    ask_name: Ask = "no"
    ask_email: Ask = "no"
    identity_required: bool = False
    rating_first_seconds: int = 14 * 86_400
    rating_change_seconds: int = 86_400
    pending_reminder_seconds: int = 3 * 86_400
    """A ticket that waits for its customer (Pendiente) is reminded of after so long; 0: never."""
    pending_close_seconds: int = 7 * 86_400
    """And closed after so long."""
    answer_low_seconds: int = 86_400
    """The target for the first answer to a ticket that is answered later, by its priority; 0: none."""
    answer_medium_seconds: int = 8 * 3_600
    """Also of a ticket that nobody classified yet."""
    answer_high_seconds: int = 4 * 3_600
    answer_urgent_seconds: int = 3_600
    solve_low_seconds: int = 10 * 86_400
    """And the target for its end."""
    solve_medium_seconds: int = 5 * 86_400
    solve_high_seconds: int = 2 * 86_400
    solve_urgent_seconds: int = 8 * 3_600
    mail: bool = False
    """Mails are written: a server for outgoing mail is known, and the app wants them."""
    mail_stranger: Literal["ticket", "note"] = "ticket"
    """What becomes of a mail that names a ticket in which its sender takes no part: a ticket of their own, or a note there."""
    mail_original_days: int = 365
    """Mails that came in are kept, as they came, for so many days; 0: for ever."""
    mail_original_mib: int = 5_000
    """And of an app so much of them together: the oldest go first; 0: however much they are."""
    answers_mailed_seconds: int = 600
    """Answers that a customer has not seen for so long are gathered in a mail."""
