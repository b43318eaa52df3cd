"""What `explain` says of a booking: its values, amounts in minor units, and how they stand in JSON."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from refundctl.domain.cards.codes import mask
from refundctl.ledger.funding.line_state import LineState
from refundctl.ledger.reading.booking_history import Booking, DefinitionSeen, LineCard, RunSeen, Undone, Version


@dataclass(frozen=True, slots=True)
class ExplainedShare:
    """What one rule makes of a line, in minor units, and the rule's own terms; None where there is no such rule."""

    name: str
    amount_minor: int
    terms: str | None

    def as_json(self) -> dict[str, Any]:
        """As it stands in JSON output."""
        return {"name": self.name, "amount": self.amount_minor, "terms": self.terms}


@dataclass(frozen=True, slots=True)
class Amounts:
    """What a line comes to, in minor units: settled before + cash + fee + paid is what is refundable; bonus is on top.

    `order_minor`, `refundable_minor` and `owed_in_cash_minor` are what the file said; the rest of `cash_minor` is what
    an offer of cash made of the paid part. What was settled before is what an earlier funding, undone and reopened, had
    left. `offer_rule` is the number of the offer that matched, from 1; None for the default.
    """

    order_minor: int
    refundable_minor: int
    owed_in_cash_minor: int
    cash_minor: int
    fees: Sequence[ExplainedShare]
    paid_minor: int
    given_back_minor: int
    bonuses: Sequence[ExplainedShare]
    offer: str
    offer_rule: int | None

    @property
    def fee_minor(self) -> int:
        """All fees."""
        return sum(share.amount_minor for share in self.fees)

    @property
    def bonus_minor(self) -> int:
        """Bonus given back, and that of the rules."""
        return self.given_back_minor + sum(share.amount_minor for share in self.bonuses)

    @property
    def settled_before_minor(self) -> int:
        """What is missing to what is refundable."""
        return self.refundable_minor - self.cash_minor - self.fee_minor - self.paid_minor

    @property
    def total_minor(self) -> int:
        """What goes onto the card."""
        return self.paid_minor + self.bonus_minor

    def as_json(self) -> dict[str, Any]:
        """As it stands in JSON output."""
        return {
            "order_amount": self.order_minor,
            "refundable": self.refundable_minor,
            "settled_before": self.settled_before_minor,
            "owed_in_cash": self.owed_in_cash_minor,
            "offer": self.offer,
            "offer_rule": self.offer_rule,
            "cash": self.cash_minor,
            "fee": self.fee_minor,
            "fees": [share.as_json() for share in self.fees],
            "paid": self.paid_minor,
            "bonus_given_back": self.given_back_minor,
            "bonuses": [share.as_json() for share in self.bonuses],
            "bonus": self.bonus_minor,
            "total": self.total_minor,
        }


@dataclass(frozen=True, slots=True)
class TakenBack:
    """What a later run took back of a funding, by bucket in minor units."""

    run: RunSeen
    reason: str | None
    by_bucket: dict[str, int]

    def as_json(self) -> dict[str, Any]:
        """As it stands in JSON output."""
        return {**self.run.as_json(), "reason": self.reason, **self.by_bucket}


@dataclass(frozen=True, slots=True)
class Funding:
    """One time that a line was funded."""

    campaign: str
    run: RunSeen
    card: LineCard | None
    definition: DefinitionSeen
    amounts: Amounts
    taken_back: Sequence[TakenBack]

    def as_json(self) -> dict[str, Any]:
        """As it stands in JSON output."""
        return {
            "campaign": self.campaign,
            **self.run.as_json(),
            **_card_as_json(self.card),
            "definition": _definition_as_json(self.definition),
            **self.amounts.as_json(),
            "taken_back": [taken.as_json() for taken in self.taken_back],
        }


@dataclass(frozen=True, slots=True)
class LineStanding:
    """What a line is to a campaign now: its state, what stands in the way, and what the next top-up would give."""

    campaign: str
    state: LineState
    why: str | None
    card: LineCard | None
    definition: DefinitionSeen
    amounts: Amounts | None

    def as_json(self) -> dict[str, Any]:
        """As it stands in JSON output."""
        return {
            "campaign": self.campaign,
            "state": self.state.label,
            "why": self.why,
            **_card_as_json(self.card),
            "definition": _definition_as_json(self.definition),
            "would_give": None if self.amounts is None else self.amounts.as_json(),
        }


@dataclass(frozen=True, slots=True)
class Line:
    """A refund line: what files have said of it, what was posted, and what it is to each campaign now."""

    versions: Sequence[Version]
    fundings: Sequence[Funding]
    undone: Sequence[Undone]
    standings: Sequence[LineStanding]

    @property
    def now(self) -> Version:
        """What the last file has said."""
        return self.versions[-1]

    @property
    def currency(self) -> str:
        """Of all its amounts."""
        return str(self.now.values["currency"])

    @property
    def state(self) -> LineState | None:
        """What it is to the campaign that it is most to; None where there is no campaign."""
        return min((standing.state for standing in self.standings), default=None)

    def as_json(self) -> dict[str, Any]:
        """As it stands in JSON output."""
        names = ("currency", "order_amount", "refund_amount", "cash_amount", "bonus_amount")
        return {
            "refund_id": self.now.refund_id,
            **{name: self.now.values[name] for name in names},
            "state": None if self.state is None else self.state.label,
            "withdrawn": self.now.withdrawn,
            "fundings": [funding.as_json() for funding in self.fundings],
            "undone": [_undone_as_json(undone) for undone in self.undone],
            "campaigns": [standing.as_json() for standing in self.standings],
            "versions": [
                {"version": version.number, **version.run.as_json(), "changed": changes}
                for version, changes in zip(self.versions, self.changes(), strict=True)
            ],
        }

    def changes(self) -> list[dict[str, Any]]:
        """What each version changed of the one before, as field: [before, after]; nothing for the first.

        Persons and kept columns are named without their values.
        """
        return [{}, *(_changes(old, new) for old, new in zip(self.versions, self.versions[1:], strict=False))]


@dataclass(frozen=True, slots=True)
class Explanation:
    """Everything about one booking."""

    booking: Booking
    lines: Sequence[Line]

    @property
    def customer_id(self) -> str | None:
        """Who the customer is, unless the id is an e-mail address."""
        given = self.booking.customer_id
        return None if given is None or "@" in given else given

    def as_json(self) -> dict[str, Any]:
        """As it stands in JSON output; amounts in minor units."""
        first = self.lines[0]
        return {
            "booking_id": self.booking.booking_id,
            "customer_id": self.customer_id,
            "currency": first.currency,
            "order_amount": first.now.values["order_amount"],
            "lines": [line.as_json() for line in self.lines],
        }


def _card_as_json(card: LineCard | None) -> dict[str, Any]:
    if card is None:
        return {"card_id": None, "code": None}
    return {"card_id": f"c{card.key}", "code": mask(card.code)}


def _definition_as_json(definition: DefinitionSeen) -> dict[str, Any]:
    return {"number": definition.number, "run_id": definition.run_id}


def _undone_as_json(undone: Undone) -> dict[str, Any]:
    return {
        "undone_run": undone.undone_run,
        **undone.run.as_json(),
        "reason": undone.reason,
        "reopened": None if undone.reopened is None else undone.reopened.as_json(),
    }


def _changes(old: Version, new: Version) -> dict[str, Any]:
    changed: dict[str, Any] = {
        name: [before, new.values[name]] for name, before in old.values.items() if before != new.values[name]
    }
    if old.withdrawn != new.withdrawn:
        changed["withdrawn"] = [old.withdrawn, new.withdrawn]
    if old.customer != new.customer:
        changed["customer"] = []
    if old.metadata_digest != new.metadata_digest:
        changed["metadata"] = []
    return changed
