"""The command `explain`: how a booking's amount came about, for the customer's question and for the auditor's.

What was posted is told from the transactions. Only what a next top-up would give is worked out, as a top-up does it.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal

from refundctl.domain.basics.errors import Refused
from refundctl.domain.basics.money import format_amount
from refundctl.domain.campaigns.conditions import CUSTOMER_TOTAL
from refundctl.domain.campaigns.refund_policy import CASH, GIFT_CARD, NONE, Percentage, Policy, Rule
from refundctl.ledger.campaigns import stored_campaigns
from refundctl.ledger.campaigns.definitions import pause_of
from refundctl.ledger.database.connection import Ledger
from refundctl.ledger.funding.bonus_limits import limit_totals
from refundctl.ledger.funding.line_state import LineState
from refundctl.ledger.funding.settled_lines import SettledLine
from refundctl.ledger.reading import booking_history
from refundctl.ledger.reading.booking_history import Booking, DefinitionSeen, Posted, Version
from refundctl.operations.books.explained_booking import (
    Amounts,
    ExplainedShare,
    Explanation,
    Funding,
    Line,
    LineStanding,
    TakenBack,
)
from refundctl.operations.campaigns.terms import Terms, consider, with_earlier


class BookingUnknown(Refused, code="resource_not_found"):
    """The ledger has no booking of this number, or no such refund line of it."""


def explain(ledger: Ledger, booking_id: str, refund_id: str | None = None) -> Explanation:
    """All about a booking, or one refund line of it; the caller holds a view of the ledger. Raises BookingUnknown."""
    booking = booking_history.booking_named(ledger.connection, booking_id)
    if booking is None:
        raise BookingUnknown(
            f"There is no booking {booking_id} in {ledger.path}: check the number, or load the file that it stands in."
        )
    by_line: dict[int, list[Version]] = {}
    for version in booking_history.versions(ledger.connection, booking):
        by_line.setdefault(version.line, []).append(version)
    known = [versions[-1].refund_id for versions in by_line.values()]
    if refund_id is not None and refund_id not in known:
        raise BookingUnknown(f"{booking_id} has no refund {refund_id} (it has: {', '.join(known)}): name one of them.")
    wanted = {line: found for line, found in by_line.items() if refund_id in (None, found[-1].refund_id)}
    standings = _standings(ledger, booking, wanted)
    return Explanation(
        booking,
        [
            Line(
                found, _fundings(ledger, line, found), booking_history.undone(ledger.connection, line), standings[line]
            )
            for line, found in wanted.items()
        ],
    )


# What was posted


def _fundings(ledger: Ledger, line: int, versions: Sequence[Version]) -> list[Funding]:
    posted = booking_history.posted(ledger.connection, line)
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


def _definition_at(ledger: Ledger, campaign: int, run_id: int) -> DefinitionSeen:
    """The definition that counted in a run."""
    found = booking_history.definitions(ledger.connection, campaign)
    return next(definition for definition in reversed(found) if definition.run_id <= run_id)


def _posted_amounts(ledger: Ledger, given: Sequence[Posted], version: Version, definition: DefinitionSeen) -> Amounts:
    sums = Counter[str]()
    for entry in given:
        sums[entry.bucket] += entry.amount_minor
    made = [(entry.bucket, entry.reason, entry.amount_minor) for entry in given if entry.reason]
    return _amounts(ledger, version, definition, made, cash=sums["cash"], paid=sums["paid"], bonus=sums["bonus"])


def _amounts(
    ledger: Ledger,
    version: Version,
    definition: DefinitionSeen,
    made: Iterable[tuple[str, str, int]],
    *,
    cash: int,
    paid: int,
    bonus: int,
) -> Amounts:
    """What was given, or would be, with fees and bonuses as `made` tells them; all other bonus was given back."""
    owed_in_cash = int(version.values["cash_amount"] or 0)
    offer = CASH if cash > owed_in_cash else GIFT_CARD
    fees, bonuses = _shares(made, definition, version)
    return Amounts(
        int(version.values["order_amount"] or 0),
        int(version.values["refund_amount"] or 0),
        owed_in_cash,
        cash,
        fees,
        paid,
        bonus - sum(share.amount_minor for share in bonuses),
        bonuses,
        offer,
        _offer_rule(ledger, version, definition, offer),
    )


def _shares(
    made: Iterable[tuple[str, str, int]], definition: DefinitionSeen, version: Version
) -> tuple[list[ExplainedShare], list[ExplainedShare]]:
    """Fees and bonuses of `made` (bucket, rule and amount), with the terms of the rules as the definition has them."""
    currency = str(version.values["currency"])
    policy = Policy.from_terms(definition.terms, currency)
    terms = {
        "fee": {rule.name: _terms_of(rule, currency, " of the order") for rule in policy.fees},
        "bonus": {rule.name: _terms_of(rule, currency, "") for rule in policy.bonuses},
    }
    fees, bonuses = (
        [ExplainedShare(name, minor, found.get(name)) for made_in, name, minor in made if made_in == bucket]
        for bucket, found in terms.items()
    )
    return fees, bonuses


def _terms_of(rule: Rule, currency: str, of: str) -> str:
    """What a rule says of amounts, such as `EUR 5.00 + 10% of the order` or `20%, at most EUR 100.00`."""
    parts = [_shown(rule.fixed_minor, currency)] if rule.fixed_minor else []
    parts += [f"{_per_cent(rule.percentage)}{of}"] if rule.percentage.numerator else []
    parts += [f"{_shown(rule.per_ticket_minor, currency)} per ticket"] if rule.per_ticket_minor else []
    limits = [] if rule.at_most_minor is None else [f"at most {_shown(rule.at_most_minor, currency)}"]
    limits += [] if rule.total_minor is None else [f"{_shown(rule.total_minor, currency)} in all"]
    return ", ".join([" + ".join(parts), *limits])


def _per_cent(percentage: Percentage) -> str:
    return f"{(Decimal(100 * percentage.numerator) / percentage.denominator):f}%"


def _shown(minor: int, currency: str) -> str:
    return f"{currency} {format_amount(minor, currency)}"


def _offer_rule(ledger: Ledger, version: Version, definition: DefinitionSeen, offer: str) -> int | None:
    """The number of the offer that the line's values match, if it is one of `offer`."""
    currency = str(version.values["currency"])
    policy = Policy.from_terms(definition.terms, currency)
    if not policy.offers:
        return None
    with_total = any(CUSTOMER_TOTAL in rule.when.fields for rule in policy.offers)
    values = booking_history.fields_of(ledger.connection, version, with_total=with_total)
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


def _standings(
    ledger: Ledger, booking: Booking, by_line: Mapping[int, Sequence[Version]]
) -> dict[int, list[LineStanding]]:
    found: dict[int, list[LineStanding]] = {line: [] for line in by_line}
    for stored in stored_campaigns.campaigns(ledger.connection):
        terms = with_earlier(ledger, stored)
        for row in _considered(ledger, terms, booking, [versions[-1] for versions in by_line.values()]):
            found[row.line].append(_standing(ledger, terms, booking, row, by_line[row.line][-1]))
    return found


def _considered(ledger: Ledger, terms: Terms, booking: Booking, lines: Sequence[Version]) -> Iterator[SettledLine]:
    """The `lines` as a top-up finds them; all others of their customer count for what one may get."""
    budget = terms.budget
    by_customer = budget.per_customer_minor is not None or (budget.per_card_minor is not None and terms.per_customer)
    for customer in sorted({line.customer for line in lines}) if by_customer else [None]:
        settled = consider(ledger, terms, booking=None if by_customer else booking.key, customer=customer)
        limit_totals(settled)
        wanted = {line.line for line in lines if customer in (None, line.customer)}
        yield from (row for row in settled.lines() if row.line in wanted)


def _standing(ledger: Ledger, terms: Terms, booking: Booking, row: SettledLine, version: Version) -> LineStanding:
    campaign = terms.stored.campaign_id
    today = terms.today(ledger.clock.now).isoformat()
    card = booking_history.card_for(
        ledger.connection, campaign, version, booking, today, per_customer=terms.per_customer
    )
    definitions = booking_history.definitions(ledger.connection, campaign)
    definition = definitions[-1] if card is None else _definition_at(ledger, campaign, card.run_id)
    amounts = None
    if row.state in _GIVES:
        amounts = _amounts(
            ledger, version, definition, row.shares, cash=row.cash_minor, paid=row.paid_minor, bonus=row.bonus_minor
        )
    return LineStanding(
        terms.stored.name,
        row.state,
        _why(ledger, terms, row, version, definition),
        card,
        definition,
        amounts,
    )


def _why(ledger: Ledger, terms: Terms, row: SettledLine, version: Version, definition: DefinitionSeen) -> str | None:
    """What stands in the way of a line, for a person; None where nothing does."""
    match row.state:
        case LineState.OPEN | LineState.CASH_ONLY:
            return _why_later(ledger, terms)
        case LineState.NOT_ELIGIBLE | LineState.FUNDED_NOT_ELIGIBLE:
            return _why_not_eligible(ledger, terms, version)
        case LineState.UNDONE:
            return _why_undone(ledger, row.line)
        case LineState.OVER_CARD_CAP | LineState.OVER_CUSTOMER_CAP:
            return _why_capped(terms, row.state)
        case LineState.OFFER_NONE:
            return f"offer {_offer_rule(ledger, version, definition, NONE)} gives nothing"
        case _:
            currency = version.values["currency"]
            found = {
                LineState.OTHER_CURRENCY: f"it is in {currency}, the campaign in {terms.stored.currency}",
                LineState.NOT_ACCEPTED: f"accepted is {version.values['accepted'] or 'blank'}",
                **_WHY,
            }
            return found.get(row.state)


def _why_not_eligible(ledger: Ledger, terms: Terms, version: Version) -> str:
    if version.withdrawn:
        return "left out by its source now"
    return terms.why_not(booking_history.fields_of(ledger.connection, version, with_total=False))


def _why_later(ledger: Ledger, terms: Terms) -> str | None:
    pause = pause_of(ledger.connection, terms.stored.campaign_id)
    return None if pause is None else f"the campaign is paused {pause}"


def _why_capped(terms: Terms, state: LineState) -> str:
    budget = terms.budget
    what, limit = ("card", budget.per_card_minor)
    if state is LineState.OVER_CUSTOMER_CAP:
        what, limit = ("customer", budget.per_customer_minor)
    cap = _shown(limit or 0, terms.stored.currency)
    return f"what its {what} has got and what is open would together pass the budget per {what} of {cap}"


def _why_undone(ledger: Ledger, line: int) -> str:
    last = next(
        undone for undone in reversed(booking_history.undone(ledger.connection, line)) if undone.reopened is None
    )
    return f"run {last.undone_run} was undone; `refundctl undo --reopen {last.undone_run}` lets it be funded again"


_GIVES = frozenset({LineState.OPEN, LineState.CASH_ONLY, LineState.NOTHING_LEFT})
_WHY = {
    LineState.NOTHING_LEFT: "fees take all of it",
    LineState.KEPT: "fees took all of it",
    LineState.FUNDED_ELSEWHERE: "another campaign has funded it",
}
