"""A ticket from its start to its rating: the customer's verbs, and the agent's that end a chat."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, date, datetime, timedelta

from msgspec.structs import replace

from chatserver.core import messages, routing, taxes, tickets
from chatserver.core.answers import Checked, Given, Words, check, country
from chatserver.core.attention import attention_within, in_ms
from chatserver.core.classification import Source
from chatserver.core.details import NOTHING
from chatserver.core.errors import Refused
from chatserver.core.hours import Opening
from chatserver.core.people import Customer
from chatserver.core.policy import Policy
from chatserver.core.tickets import Step, Ticket
from chatserver.services.house import House
from chatserver.services.pairing import hand_over, moved
from chatserver.services.talk import saying_as, sent_up
from chatserver.store.work import Needs, Who, World

_FOLLOWED = 100
"""A new ticket may follow one of so many of the customer's latest."""


async def start(
    house: House,
    who: Who,
    *,
    cid: str,
    subject: str,
    context: str,
    name: str = "",
    email: str = "",
    follows: int = 0,
    connected: bool = True,
) -> Ticket:
    """Open a live ticket; it enters the queue and is paired at once if an agent is free. A repeat of `cid` gives the first one.

    `context` is JSON text; `follows` the number of an own earlier ticket, anything else counts as 0. Refused: too_short,
    too_long, bad_email, bad_frame (cid), name_required, email_required, outside_hours (`next_at`), nobody_available,
    too_many_open (`limit`).
    """
    cid, subject = messages.cid(cid), messages.subject(subject)
    who = _introduced(who, name, email)
    policy, hours = house.people.policy(who.app_id), house.opening(who.app_id)
    follows = await _own(house, who, follows)
    people, apps = house.people, house.people.circle(who.app_id)

    def decide(world: World, now: int) -> Ticket:
        earlier = world.opened(who, cid)
        if earlier is not None:
            return earlier
        _may_start(world, who, policy, hours, now)
        customer = _customer(world, who, policy, now)
        _asked_for(customer, policy)
        draft = world.draft(customer, subject, context, now, email=customer.email, follows=follows)
        step = tickets.opened(draft, policy, closes_at=in_ms(hours.until), connected=connected)
        ticket = world.create(step, policy, cid)
        if connected:
            world.claim("customer", ticket.id)
        if policy.same_agent and policy.assignment == "auto":
            # Whoever is free has nobody waiting whom they could take: nobody is passed over.
            agent = routing.again(ticket, world.desk(who.app_id).agents, world.answered_last(who))
            ticket = hand_over(world, people, ticket, agent, now) if agent else ticket
        moved(world, people, apps, now)
        return world.ticket(ticket.id) or ticket

    return await house.store.write(_opening(who, cid, apps), decide)


async def request(
    house: House,
    who: Who,
    *,
    cid: str,
    subject: str,
    text: str,
    email: str,
    context: str,
    name: str = "",
    follows: int = 0,
    form: Given | None = None,
    own: Collection[str] = (),
    files: Sequence[str] = (),
    source: Source = "form",
) -> Ticket:
    """Leave a ticket to be answered later, with its first message. A repeat of `cid` gives the first one.

    `form`: the rest of the app's whole form, then everything that is wrong is told at once; None: the small form, which asks no
    more than this. `own`: the customer's confirmed addresses, of which `email` must be one; none: any that they typed. `files`:
    ids of what they sent up, for the first message.

    Always taken, also when somebody could attend by now: it is never a dead end. Refused: bad_frame (cid), name_required; with
    `form` bad_form (`fields`), else too_short, too_long, bad_email, email_required; with `files` too_many_files, file_unknown.
    """
    cid = messages.cid(cid)
    if form is None:
        if not (email.strip() or who.email):
            raise Refused("email_required")
        address = messages.email(email) if email.strip() else who.email
        words, details = Words(messages.subject(subject), messages.body(text), address), NOTHING
    else:
        found = await looked_at(house, who, subject=subject, text=text, email=email, form=form, own=own)
        if found.wrong:
            raise Refused("bad_form", fields=found.wrong)
        words, details = found.words, found.details
    # Another of their own addresses is this ticket's, and not where all mail goes from now on.
    typed_address = words.email if email.strip() and not (own and who.email) else ""
    who = _introduced(who, name, typed_address)
    policy, hours = house.people.policy(who.app_id), house.opening(who.app_id)
    follows = await _own(house, who, follows)
    sent = tuple(dict.fromkeys(files))

    def decide(world: World, now: int) -> Ticket:
        earlier = world.opened(who, cid)
        if earlier is not None:
            return earlier
        taken = sent_up(world, sent, policy, who.app_id, "customer", who.key) if sent else ()
        customer = _customer(world, who, policy, now)
        _asked_for(customer, policy)
        draft = world.draft(customer, words.subject, context, now, email=words.email, follows=follows)
        draft = replace(draft, source=source, details=details)
        reason = _why_later(world, who, policy, hours, now)
        return world.create(tickets.requested(draft, words.text, cid, reason, taken), policy, cid)

    return await house.store.write(replace(_opening(who, cid, (who.app_id,)), files=sent), decide)


async def looked_at(
    house: House, who: Who, *, subject: str, text: str, email: str, form: Given, own: Collection[str] = ()
) -> Checked:
    """A whole form as `request` finds it: what is wrong, and what it is taken with a warning for. Nothing is written."""
    await tax_ids_ready(house, who.app_id, form)
    typed = Words(subject, text, email if email.strip() else who.email)
    people, earliest = house.people, first_day(house.now())
    return check(
        people.form(who.app_id), typed, form, own=own, ours=people.support_addresses, earliest=earliest
    )


async def leave(house: House, who: Who, ticket_id: int, *, cid: str, email: str, text: str = "") -> Ticket:
    """Leave the queue: the same ticket is answered later. `text`, if any, is added as a message under `cid`, once.

    A repeat of what was done changes nothing, also when the ticket was closed since. When it left the queue by itself meanwhile
    (closing time), address and text are still taken. Refused: not_found,
    ticket_closed, ticket_not_waiting (an agent has it by now), email_required, bad_email, too_long, bad_frame (cid).
    """
    cid = messages.cid(cid)
    body = messages.body(text) if text.strip() else ""
    address = messages.email(email) if email.strip() else ""
    policy = house.people.policy(who.app_id)

    def decide(world: World, now: int) -> Ticket:
        ticket = world.ticket_of(who, ticket_id)
        said = world.said(ticket, "customer", 0, cid) is not None
        nothing_new = said or (not body and address in ("", ticket.email))
        if nothing_new and ticket.mode == "later":
            return ticket
        # Under the `cid` of an earlier message it still waits: it leaves the queue, and says nothing twice.
        step = _left(ticket, address, now)
        after = world.put(ticket, step, policy)
        if body and not said:
            after = world.put(after, tickets.customer_said(after, body, cid, now), policy)
        return after

    needs = Needs(
        tickets=(ticket_id,),
        said=((ticket_id, "customer", 0, cid),),
    )
    return await house.store.write(needs, decide)


async def answer(house: House, who: Who, ticket_id: int, solved: bool) -> Ticket:
    """The answer to the resolution question. Refused: not_found, ticket_closed, no_proposal."""
    if solved:
        return await _finish(house, who, ticket_id, lambda t, now: tickets.answered_proposal(t, True, now))
    policy = house.people.policy(who.app_id)

    def decide(world: World, now: int) -> Ticket:
        ticket = world.ticket_of(who, ticket_id)
        return world.put(ticket, tickets.answered_proposal(ticket, False, now), policy)

    return await house.store.write(Needs(tickets=(ticket_id,)), decide)


async def end(house: House, who: Who, ticket_id: int) -> Ticket:
    """The customer ends the chat, or leaves the queue for good. Refused: not_found, ticket_closed."""
    return await _finish(house, who, ticket_id, tickets.customer_ended)


async def rate(house: House, who: Who, ticket_id: int, stars: int, comment: str = "") -> Ticket:
    """Rate a closed ticket, or change the rating. Refused: not_found, not_rateable, rating_over, too_long."""
    comment = messages.comment(comment)
    policy = house.people.policy(who.app_id)

    def decide(world: World, now: int) -> Ticket:
        ticket = world.ticket_of(who, ticket_id)
        return world.put(ticket, tickets.rated(ticket, stars, comment, policy, now), policy)

    return await house.store.write(Needs(tickets=(ticket_id,)), decide)


async def propose(house: House, agent_id: int, ticket_id: int, cid: str, text: str) -> int:
    """An agent's message that asks whether the problem is solved; gives its sequence number. As `talk.say_as_agent`."""
    use = saying_as(house, agent_id, ticket_id, cid, text, proposal=True)
    return await house.store.write(use.needs, use.decide)


async def close(house: House, agent_id: int, ticket_id: int) -> Ticket:
    """The ticket's agent closes it. Refused: unauthorized, not_found, not_yours, ticket_closed."""
    people, agent = house.people, house.people.agent(agent_id)

    def decide(world: World, now: int) -> Ticket:
        ticket = world.ticket_for(agent, ticket_id)
        step = tickets.agent_closed(ticket, agent, now)
        after = world.put(ticket, step, people.policy(ticket.app_id))
        moved(world, people, agent.app_ids, now, agent_id)
        return after

    return await house.store.write(Needs(tickets=(ticket_id,), desks=agent.app_ids), decide)


async def tax_ids_ready(house: House, app_id: int, form: Given) -> None:
    """Ahead of a form's check, so that no import holds up the event loop or the writing thread."""
    if form.tax_id.strip():
        await asyncio.to_thread(taxes.ready, country(house.people.form(app_id), form))


def first_day(now: int) -> date:
    """The first day that is not past for everybody yet: a customer may be half a day behind."""
    return (datetime.fromtimestamp(now / 1000, UTC) - timedelta(hours=12)).date()


# — inner ——————————————————————————————————————————————————————————————————————


async def _finish(house: House, who: Who, ticket_id: int, verb: Callable[[Ticket, int], Step]) -> Ticket:
    """A customer's verb that closes: the agent's place is free for whoever waits."""
    people, apps = house.people, house.people.circle(who.app_id)

    def decide(world: World, now: int) -> Ticket:
        ticket = world.ticket_of(who, ticket_id)
        after = world.put(ticket, verb(ticket, now), people.policy(who.app_id))
        moved(world, people, apps, now, ticket.agent_id)
        return after

    return await house.store.write(Needs(tickets=(ticket_id,), desks=apps), decide)


def _opening(who: Who, cid: str, desks: tuple[int, ...]) -> Needs:
    key = (who.app_id, who.key)
    return Needs(customers=(key,), opened=((*key, cid),), numbers=(who.app_id,), desks=desks)


async def _own(house: House, who: Who, number: int) -> int:
    """The number, if it is of one of this customer's latest tickets. Whose a ticket is never changes: asking before is safe."""
    if number <= 0:
        return 0
    latest = await house.reads.customer_tickets(who.app_id, who.key, _FOLLOWED)
    return number if any(ticket.number == number for ticket in latest) else 0


def _introduced(who: Who, name: str, email: str) -> Who:
    """With what was typed at the start. What the host vouched for stands above it."""
    name, email = messages.name(name), messages.email(email) if email.strip() else ""
    vouched = who.key.startswith("user:")
    return replace(
        who,
        name=(who.name or name) if vouched else (name or who.name),
        email=(who.email or email) if vouched else (email or who.email),
    )


def _customer(world: World, who: Who, policy: Policy, now: int) -> Customer:
    """The customer's row, made or brought up to date; whoever sees one of their open chats hears of it."""
    known = world.customer(who)
    if known is None:
        return world.new_customer(who, now)
    current = replace(
        known,
        name=who.name or known.name,
        email=who.email or known.email,
        locale=who.locale or known.locale,
        zone=who.zone or known.zone,
    )
    if current != known:
        world.update_customer(current)
        for chat in world.chats_of(who):
            world.put(chat, Step(replace(chat, customer=current), ()), policy)
    return current


def _asked_for(customer: Customer, policy: Policy) -> None:
    if policy.ask_name == "required" and not customer.name:
        raise Refused("name_required")
    if policy.ask_email == "required" and not customer.email:
        raise Refused("email_required")


def _may_start(world: World, who: Who, policy: Policy, hours: Opening, now: int) -> None:
    state = attention_within(hours, policy, world.desk(who.app_id).agents, now)
    if not state.open:
        raise Refused("outside_hours", next_at=state.next)
    if not state.chat:
        raise Refused("nobody_available")
    if len(world.chats_of(who)) >= policy.open_chats_per_customer:
        raise Refused("too_many_open", limit=policy.open_chats_per_customer)


def _why_later(world: World, who: Who, policy: Policy, hours: Opening, now: int) -> str:
    state = attention_within(hours, policy, world.desk(who.app_id).agents, now)
    if not state.open:
        return "outside_hours"
    return "form" if state.attended else "unattended"


def _left(ticket: Ticket, email: str, now: int) -> Step:
    if ticket.state == "closed":
        raise Refused("ticket_closed")
    if ticket.mode == "later":
        return Step(replace(ticket, email=email or ticket.email), ())
    if not ticket.waiting:
        raise Refused("ticket_not_waiting")
    if not (email or ticket.email or ticket.customer.email):
        raise Refused("email_required")
    return tickets.left_for_later(ticket, "customer", now, email=email, by="customer")
