"""The way in that a mail brings along: whoever reads the address from which something was mailed may make an account there.

The link goes to that address and nowhere else: a From is a claim, and who merely made it gets nothing by it. What the account
then shows is what its confirmed address shows anyhow.
"""

from __future__ import annotations

from typing import Final

from chatserver.core import accounts
from chatserver.core.errors import Refused
from chatserver.services.portal import hashed
from chatserver.store import portal as rows
from chatserver.store.database import Database

INVITED_SECONDS: Final = 3 * 86_400
"""So long such a link is good: what was asked on a Friday may be answered on a Monday. Who comes later asks for another."""


async def invite(db: Database, app_id: int, address: str, token: str, now: int, *, left: bool) -> bool:
    """Let `token`, a secret of the mail that brings it, make an account for `address` once. False where there is an account
    already, so that no mail opens one a second time, and for an address that can have none.

    `left`: the mail may have left before. It brings the same one again, good for the whole time again, but for what was used or
    came back in an answer meanwhile: that stays over.
    """
    try:
        address = accounts.folded(address)
    except Refused:
        return False
    if await rows.account_at(db, app_id, address) is not None:
        return False
    expires_at = now + INVITED_SECONDS * 1000
    if left:
        await rows.prolong(db, hashed(token), expires_at)
        return True
    await rows.add_link(db, hashed(token), "sign_up", app_id, address, now=now, expires_at=expires_at)
    return True
