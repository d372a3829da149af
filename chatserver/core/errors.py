"""Refusals: a stable code for programs; the sentence for people is in the catalogue under `error.<code>`.

A refusal leaves nothing behind: the use case that raises it has changed nothing. It never ends a connection by itself
(close codes do, see `realtime/close_codes.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, get_args

import msgspec

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
    "bad_form",  # fields of a form are wrong or missing: `fields` says which, and how
    "ticket_live",  # the verb is for tickets that are answered later, this one is a chat
    "nothing_missing",  # the ticket was not sent back, or was completed since
    "too_many_open",  # the customer has as many open chats as the app allows; `limit`
    "outside_hours",  # no chat can start now; `next_at` (ms) says when attention opens, if it does
    "nobody_available",  # this app starts no chat while no agent is available
    "file_type",  # a file of a kind that is not taken
    "file_disguised",  # a file's name says something else than its content, or it is two things at once
    "file_macros",  # an office document that can run
    "file_unsafe",  # an archive that blows up, or whose entries lead out of it
    "file_unreadable",  # a file that is damaged, or locked where that hides what it is
    "file_empty",  # a file without a byte
    "file_infected",  # the virus scanner knows it
    "file_unscanned",  # larger than what the virus scanner looks at, which is less than what is taken otherwise
    "file_too_large",  # `limit` says how many bytes are taken
    "file_quota",  # as much was sent up as a day allows (`limit` bytes): by them, or in this app; wait `retry_after`
    "too_many_files",  # in one message; `limit`
    "file_unknown",  # of a message: not sent up by its author, or gone since, or in another message already
    "files_unavailable",  # no file can be taken or given just now; chats go on. `retry_after` seconds
    "mail_off",  # this app sends no mail
    "not_answered",  # nothing that a customer wrote is mailed to an address that anybody may have typed, before an agent answered
    "rate_limited",  # wait `retry_after` seconds, then send the same frame again
    "unauthorized",  # the token or session is missing, wrong or was ended
    "token_expired",  # was good once: get a new one
    "identity_required",  # this app takes only users that the host vouches for
    "bad_identity",  # the host's token does not pass; `chatserver doctor` says why
    "unsupported_version",  # protocol version; `limit` is the newest that the server speaks
    "unavailable",  # nothing can be stored just now: wait `retry_after` seconds, then send the same frame again
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

FieldCode = Literal[
    "required",
    "too_short",  # `limit`
    "too_long",  # `limit`
    "bad_email",
    "support_address",  # in copy: one of this house, at which mail comes in
    "not_own",  # the requester's address is none of theirs
    "too_many",  # `limit`
    "bad_choice",
    "bad_tax_id",  # none of its country, whose numbers are known
    "bad_url",  # no address of a page, with http:// or https://
    "bad_number",
    "bad_date",
    "past_date",
    "far_date",
    "unknown",  # this form has no such field
]
"""What may be wrong with a field of a form; the sentence for people is in the catalogue under `form.wrong.<code>`."""


class Wrong(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """`limit`: characters, or things."""

    code: FieldCode
    limit: int = 0
    which: str = ""
    """Of several things in one field the one that is wrong, as it was typed; its sentence is `form.wrong.<code>.which`."""


class Refused(Exception):
    """A use case was refused. `limit` counts characters or things, `retry_after` seconds, `next_at` ms since 1970 UTC; `fields`:
    what is wrong with each of a form's."""

    def __init__(
        self,
        code: Code,
        *,
        limit: int | None = None,
        retry_after: float | None = None,
        next_at: int | None = None,
        fields: Mapping[str, Wrong] | None = None,
    ) -> None:
        super().__init__(code)
        self.code: Code = code
        self.limit = limit
        self.retry_after = retry_after
        self.next_at = next_at
        self.fields = fields or {}
