"""Finding out how a booking's amount came about: for the customer's question, and for the auditor's.

What was posted is told from the transactions. Only what a next top-up would give is worked out, as a top-up does it.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence

from refundctl.domain.conditions import CUSTOMER_TOTAL
from refundctl.domain.errors import Refused
from refundctl.domain.policy import CASH, GIFT_CARD, NONE, Policy
from refundctl.ledger import explaining, queries
from refundctl.ledger.connection import Ledger
from refundctl.ledger.explaining import Booking, Considered, Definition, Posted, Version
from refundctl.ledger.posting.campaigns import pause_of
from refundctl.ledger.scope import State
from refundctl.ledger.settling import limit_totals
from refundctl.operations.explanation import Amounts, Explanation, Funding, Line, Share, Standing, TakenBack
from refundctl.operations.terms import Terms, consider, with_earlier


class BookingUnknown(Refused):
    """The ledger has no booking of this number, or no such refund line of it."""

    code = "resource_not_found"


def explain(ledger: Ledger, booking_id: str, refund_id: str | None = None) -> Explanation:
    """All about a booking, or one refund line of it; the caller holds a view of the ledger. Raises BookingUnknown."""
    booking = explaining.booking_named(ledger.connection, booking_id)
    if booking is None:
        raise BookingUnknown(
            f"There is no booking {booking_id} in {ledger.path}: check the number, or load the file that it stands in."
        )
    by_line: dict[int, list[Version]] = {}
    for version in explaining.versions(ledger.connection, booking):
        by_line.setdefault(version.line, []).append(version)
    known = [versions[-1].refund_id for versions in by_line.values()]
    if refund_id is not None and refund_id not in known:
        raise BookingUnknown(f"{booking_id} has no refund {refund_id} (it has: {', '.join(known)}): name one of them.")
    wanted = {line: found for line, found in by_line.items() if refund_id in (None, found[-1].refund_id)}
    standings = _standings(ledger, booking, wanted)
    return Explanation(
        booking,
        [
            Line(found, _fundings(ledger, line, found), explaining.undone(ledger.connection, line), standings[line])
            for line, found in wanted.items()
        ],
    )


# What was posted


def _fundings(ledger: Ledger, line: int, versions: Sequence[Version]) -> list[Funding]:
    posted = explaining.posted(ledger.connection, line)
    numbers = sorted({entry.funding for entry in posted if entry.funding is not None})
    return [
        _funding(
            ledger,
            [entry for entry in posted if entry.funding == number],
            [entry for entry in posted if entry.funding is None],
            versions,
        )
        for number in numbers
    ]


def _funding(ledger: Ledger, given: Sequence[Posted], taken: Sequence[Posted], versions: Sequence[Version]) -> Funding:
    first = given[0]
    keys = {entry.key for entry in given}
    version = next(version for version in reversed(versions) if version.run.run_id <= first.run.run_id)
    card = next((entry.card for entry in given if entry.card is not None), None)
    definition = _definition_at(ledger, first.campaign, first.run.run_id if card is None else card.run_id)
    return Funding(
        first.campaign_name,
        first.run,
        card,
        definition,
        _posted_amounts(ledger, given, version, definition),
        _taken_back(entry for entry in taken if entry.related in keys),
    )


def _definition_at(ledger: Ledger, campaign: int, run_id: int) -> Definition:
    """The definition that counted in a run."""
    found = explaining.definitions(ledger.connection, campaign)
    return next(definition for definition in reversed(found) if definition.run_id <= run_id)


def _posted_amounts(ledger: Ledger, given: Sequence[Posted], version: Version, definition: Definition) -> Amounts:
    def total(wanted: Callable[[Posted], bool]) -> int:
        return sum(entry.amount_minor for entry in given if wanted(entry))

    def shares(bucket: str) -> list[Share]:
        return [Share(entry.reason, entry.amount_minor) for entry in given if entry.bucket == bucket and entry.reason]

    cash = total(lambda entry: entry.bucket == "cash")
    owed_in_cash = int(version.values["cash_amount"] or 0)
    offer = CASH if cash > owed_in_cash else GIFT_CARD
    return Amounts(
        int(version.values["refund_amount"] or 0),
        owed_in_cash,
        cash,
        shares("fee"),
        total(lambda entry: entry.bucket == "paid"),
        total(lambda entry: entry.bucket == "bonus" and entry.reason is None),
        shares("bonus"),
        offer,
        _offer_rule(ledger, version, definition, offer),
    )


def _offer_rule(ledger: Ledger, version: Version, definition: Definition, offer: str) -> int | None:
    """The number of the offer that the line's values match, if it is one of `offer`."""
    currency = str(version.values["currency"])
    policy = Policy.from_terms(definition.terms, currency)
    if not policy.offers:
        return None
    with_total = any(CUSTOMER_TOTAL in rule.when.fields for rule in policy.offers)
    values = explaining.fields_of(ledger.connection, version, with_total=with_total)
    for number, rule in enumerate(policy.offers, start=1):
        if rule.when.matches(values, currency):
            return number if rule.offer == offer else None
    return None


def _taken_back(taken: Iterable[Posted]) -> list[TakenBack]:
    by_run: dict[int, TakenBack] = {}
    for entry in taken:
        found = by_run.setdefault(
            entry.run.run_id,
            TakenBack(entry.run, entry.undo_reason, dict.fromkeys(("paid", "bonus", "cash", "fee"), 0)),
        )
        found.by_bucket[entry.bucket] -= entry.amount_minor
    return list(by_run.values())


# What is the case now


def _standings(ledger: Ledger, booking: Booking, by_line: Mapping[int, Sequence[Version]]) -> dict[int, list[Standing]]:
    found: dict[int, list[Standing]] = {line: [] for line in by_line}
    for stored in queries.campaigns(ledger.connection):
        terms = with_earlier(ledger, stored)
        consider(ledger, terms, booking=booking.key)
        limit_totals(ledger.connection, stored.campaign_id)
        for row in explaining.considered(ledger.connection):
            if row.line in found:
                found[row.line].append(_standing(ledger, terms, booking, row, by_line[row.line][-1]))
    return found


def _standing(ledger: Ledger, terms: Terms, booking: Booking, row: Considered, version: Version) -> Standing:
    campaign = terms.stored.campaign_id
    today = terms.today(ledger.clock.now).isoformat()
    card = explaining.card_for(ledger.connection, campaign, version, booking, today)
    definitions = explaining.definitions(ledger.connection, campaign)
    definition = definitions[-1] if card is None else _definition_at(ledger, campaign, card.run_id)
    gives = row.state in _GIVES
    return Standing(
        terms.stored.name,
        row.state,
        _why(ledger, terms, row, version, definition),
        card,
        definition,
        _coming_amounts(ledger, row, version, definition) if gives else None,
    )


def _coming_amounts(ledger: Ledger, row: Considered, version: Version, definition: Definition) -> Amounts:
    owed_in_cash = int(version.values["cash_amount"] or 0)
    offer = CASH if row.cash_minor > owed_in_cash else GIFT_CARD
    bonuses = [Share(name, minor) for bucket, name, minor in row.shares if bucket == "bonus"]
    return Amounts(
        int(version.values["refund_amount"] or 0),
        owed_in_cash,
        row.cash_minor,
        [Share(name, minor) for bucket, name, minor in row.shares if bucket == "fee"],
        row.paid_minor,
        row.bonus_minor - sum(share.amount_minor for share in bonuses),
        bonuses,
        offer,
        _offer_rule(ledger, version, definition, offer),
    )


def _why(ledger: Ledger, terms: Terms, row: Considered, version: Version, definition: Definition) -> str | None:
    """What stands in the way of a line, for a person; None where nothing does."""
    match row.state:
        case State.OPEN | State.CASH_ONLY:
            return _why_later(ledger, terms)
        case State.NOT_ELIGIBLE | State.FUNDED_NOT_ELIGIBLE:
            return _why_not_eligible(ledger, terms, version)
        case State.UNDONE:
            return _why_undone(ledger, row.line)
        case State.OFFER_NONE:
            return f"offer {_offer_rule(ledger, version, definition, NONE)} gives nothing"
        case _:
            found = {
                State.OTHER_CURRENCY: f"it is in {version.values['currency']}, the campaign in {terms.stored.currency}",
                State.NOT_ACCEPTED: f"accepted is {version.values['accepted'] or 'blank'}",
                **_WHY,
            }
            return found.get(row.state)


def _why_not_eligible(ledger: Ledger, terms: Terms, version: Version) -> str:
    if version.withdrawn:
        return "left out by its source now"
    return terms.why_not(explaining.fields_of(ledger.connection, version, with_total=False))


def _why_later(ledger: Ledger, terms: Terms) -> str | None:
    pause = pause_of(ledger.connection, terms.stored.campaign_id)
    return None if pause is None else f"the campaign is paused {pause}"


def _why_undone(ledger: Ledger, line: int) -> str:
    last = next(undone for undone in reversed(explaining.undone(ledger.connection, line)) if undone.reopened is None)
    return f"run {last.undone_run} was undone; `refundctl undo --reopen {last.undone_run}` lets it be funded again"


_GIVES = frozenset({State.OPEN, State.CASH_ONLY, State.NOTHING_LEFT})
_WHY = {
    State.NOTHING_LEFT: "fees take all of it",
    State.KEPT: "fees took all of it",
    State.OVER_CARD_CAP: "it would pass the budget per card",
    State.OVER_CUSTOMER_CAP: "it would pass the budget per customer",
    State.FUNDED_ELSEWHERE: "another campaign has funded it",
}
