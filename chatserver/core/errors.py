"""Refusals: a stable code for programs; the sentence for people is in the catalogue under `error.<code>`.

A refusal leaves nothing behind: the use case that raises it has changed nothing. It never ends a connection by itself
(close codes do, see `realtime/close_codes.py`).
"""

from __future__ import annotations

from typing import Final, Literal, get_args

WireCode = Literal[
    "bad_frame",  # not JSON, not an object, unknown field, wrong type
    "unknown_type",  # a frame type that this protocol version does not have
    "too_long",  # text over its limit; `limit` says which (characters)
    "too_short",  # text under its minimum after trimming; `limit` says which (characters)
    "bad_email",  # not an address that mail could be sent to
    "email_required",  # a request for later needs an address
    "name_required",  # this app asks for a name at the start
    "not_found",  # no such ticket *for you*: a stranger's ticket looks like none at all
    "ticket_closed",  # closed takes no replies: start a new one that follows it; the text is yours to keep
    "ticket_not_live",  # the verb is for live chats, this ticket is answered later
    "ticket_not_waiting",  # the ticket is not in the queue (any more): somebody was first
    "at_capacity",  # the agent has as many live chats as they may have; `limit`
    "not_yours",  # an agent acts on a ticket that another agent attends
    "no_proposal",  # nothing was proposed, or it has been answered
    "not_rateable",  # never answered by an agent, or still open
    "rating_over",  # the time for rating, or for changing the rating, is over
    "too_many_open",  # the customer has as many open chats as the app allows; `limit`
    "outside_hours",  # no chat can start now; `next_at` (ms) says when attention opens, if it does
    "nobody_available",  # this app starts no chat while no agent is available
    "rate_limited",  # wait `retry_after` seconds, then send the same frame again
    "unauthorized",  # the token or session is missing, wrong or was ended
    "token_expired",  # was good once: get a new one
    "identity_required",  # this app takes only users that the host vouches for
    "bad_identity",  # the host's token does not pass; `chatserver doctor` says why
    "unsupported_version",  # protocol version; `limit` is the newest that the server speaks
    "internal",  # our fault, logged; nothing was stored: send again
]

PageCode = Literal[
    "edited_meanwhile",  # somebody else saved this text since it was read: theirs comes with the refusal, yours is yours
    "nothing_new",  # it stands like that already
    "not_empty",  # something is in it still
    "taken",  # there is one already
    "too_many",  # as many as there may be; `limit`
    "reason_required",  # who says no says why, "other" in words
    "bad_proof",  # what tells people from robots did not come, or came too soon; the form comes again with what was written
]
"""Of pages and their JSON alone."""

Code = Literal[WireCode, PageCode]

CODES: Final = frozenset(get_args(WireCode))
"""What stands in docs/protocol.md."""


class Refused(Exception):
    """A use case was refused. `limit` counts characters or things, `retry_after` seconds, `next_at` ms since 1970 UTC."""

    def __init__(
        self,
        code: Code,
        *,
        limit: int | None = None,
        retry_after: float | None = None,
        next_at: int | None = None,
    ) -> None:
        super().__init__(code)
        self.code: Code = code
        self.limit = limit
        self.retry_after = retry_after
        self.next_at = next_at
