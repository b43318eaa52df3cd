"""All that is held on a person, a copy of it, and erasing them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from refundctl.domain.basics.errors import Refused, UsageError
from refundctl.domain.cards.card_state import CardState
from refundctl.ledger.campaigns.stored_campaigns import campaigns
from refundctl.ledger.cards.one_card import Card, read_card
from refundctl.ledger.cash import debts
from refundctl.ledger.cash.debts import DebtState
from refundctl.ledger.database.connection import Ledger
from refundctl.ledger.desk import card_details
from refundctl.ledger.funding.line_state import LineState
from refundctl.ledger.journal.run_journal import Journal, Outcome
from refundctl.ledger.people import erasing
from refundctl.ledger.people.erasing import Erased
from refundctl.ledger.people.finding_people import customer_number, customers_at
from refundctl.ledger.reading import whole_person
from refundctl.ledger.reading.whole_person import Customer
from refundctl.operations.campaigns.terms import consider, with_earlier
from refundctl.operations.desk.card_facts import card_facts
from refundctl.operations.desk.refusals import CustomerUnknown
from refundctl.operations.run_lifecycle import one_run


class SeveralCustomers(Refused, code="resource_not_found"):
    """Several customers have the address that was named; their ids are told, but not in what the journal keeps."""

    def __init__(self, customer_ids: Sequence[str]) -> None:
        super().__init__(
            f"{len(customer_ids)} customers have this e-mail address", "name one of them by its customer_id"
        )
        self.customer_ids = customer_ids
        self.problems = [f"customer_id {customer_id}" for customer_id in customer_ids]

    def listed(self) -> Sequence[Mapping[str, str | int]]:
        """One entry, with the ids in its sentence."""
        ids = ", ".join(self.customer_ids)
        return [{"code": self.code, "message": f"{self.what}: {self.advice} ({ids})."}]


def find(ledger: Ledger, named: str) -> Customer:
    """The customer with this id, erased or not, or else the only one with this e-mail address.

    Raises CustomerUnknown and SeveralCustomers.
    """
    named = named.strip()
    number = customer_number(ledger.connection, named)
    if number is None and "@" in named:
        number = _at_address(ledger, named)
    if number is None:
        raise CustomerUnknown(
            f"{ledger.path} has no customer of this id or e-mail address: look at the customer_id in the bookings' "
            "file, or at `refundctl card find`."
        )
    return whole_person.customer(ledger.connection, number)


def _at_address(ledger: Ledger, text: str) -> int | None:
    from refundctl.domain.bookings.booking_cells import read_email

    read = read_email(text)
    email = read if isinstance(read, str) else text
    found = customers_at(ledger.connection, email)
    if len(found) > 1:
        raise SeveralCustomers([customer_id for _, customer_id in found])
    # Of one who was erased, the address may have been the id.
    return found[0][0] if found else customer_number(ledger.connection, email.lower())


@dataclass(frozen=True, slots=True)
class View:
    """All that the desk asks about a person; the lists as they stand in JSON, amounts in minor units."""

    customer: Customer
    bookings: Sequence[Mapping[str, Any]]
    cards: Sequence[Mapping[str, Any]]
    transactions: Sequence[Mapping[str, Any]]
    cash: Sequence[Mapping[str, Any]]
    messages: Sequence[Mapping[str, Any]]
    redemptions: Sequence[Mapping[str, Any]]
    attempts: Sequence[Mapping[str, Any]]

    def lists(self) -> dict[str, list[Mapping[str, Any]]]:
        """All but the person, by their names in JSON."""
        names = ("bookings", "cards", "transactions", "cash", "messages", "redemptions", "attempts")
        return {name: list(getattr(self, name)) for name in names}

    def as_json(self) -> dict[str, Any]:
        """As it stands in JSON output."""
        return {
            "customer": customer_facts(self.customer),
            "consent": _consent(self),
            **self.lists(),
        }


def customer_facts(found: Customer) -> dict[str, Any]:
    """A person as they stand in JSON; `erased` is null, or when and by which run they were."""
    names = ("customer_id", "name", "email", "phone", "locale", "country")
    known, erased = found.known_since, found.erased
    return {
        **{name: getattr(found, name) for name in names},
        "known_since": None if known is None else known.at,
        "erased": None if erased is None else {"at": erased.at, "run_id": erased.run_id, "operator": found.erased_by},
    }


def _consent(view: View) -> dict[str, Any]:
    """What the person has agreed to: marketing, and booking by booking taking a card instead of money."""
    return {
        "marketing_consent": view.customer.marketing_consent,
        "accepted": [
            {name: line[name] for name in ("booking_id", "refund_id", "accepted")}
            for line in view.bookings
            if line["accepted"] is not None
        ],
    }


def view(ledger: Ledger, found: Customer) -> View:
    """All there is to tell of a person, inside a reading block."""
    connection = ledger.connection
    bookings = _bookings(ledger, found)
    numbers = whole_person.cards_of(connection, found.number)
    lines = [booking["line"] for booking in bookings]
    transactions = [row for number in numbers for row in card_details.transactions_of(connection, number)]
    transactions += card_details.transactions(connection, whole_person.without_card(connection, lines))
    return View(
        found,
        [{name: value for name, value in booking.items() if name != "line"} for booking in bookings],
        [_card(ledger, read_card(connection, number, ledger.clock.now)) for number in numbers],
        sorted(transactions, key=lambda row: int(row["id"])),
        [_debt(debt) for debt in _debts(ledger, numbers, transactions)],
        whole_person.hand_overs_about(connection, numbers),
        whole_person.redemptions_by(connection, found.number, numbers),
        whole_person.attempts_with(connection, numbers),
    )


def _bookings(ledger: Ledger, found: Customer) -> list[dict[str, Any]]:
    """The person's refund lines: what each was given, and what it is to each campaign that looks at it."""
    bookings = whole_person.lines_of(ledger.connection, found.number)
    given = whole_person.given_to(ledger.connection, [booking["line"] for booking in bookings])
    states: dict[int, list[dict[str, str]]] = {}
    for stored in campaigns(ledger.connection) if bookings else ():
        considered = consider(ledger, with_earlier(ledger, stored), customer=found.number)
        for line, state in considered.states().items():
            if state is not LineState.OTHER_CURRENCY:
                states.setdefault(line, []).append({"campaign": stored.name, "state": state.label})
    return [
        {**booking, "given": given.get(booking["line"], []), "campaigns": states.get(booking["line"], [])}
        for booking in bookings
    ]


def _card(ledger: Ledger, card: Card) -> dict[str, Any]:
    published = card_details.publication_of(ledger.connection, card)
    return {
        **card_facts(card),
        "booking_ids": card_details.bookings_of(ledger.connection, card),
        "published_at": None if published is None else published.at,
    }


def _debts(ledger: Ledger, numbers: Sequence[int], transactions: Sequence[Mapping[str, Any]]) -> Sequence[debts.Debt]:
    """The person's debts in cash: of cash-outs, and of refund lines."""
    owed = [row["id"] for row in transactions if row["bucket"] == "cash"]
    owed += whole_person.cashouts_of(ledger.connection, numbers)
    return list(debts.debts_numbered(ledger.connection, owed).values())


def _debt(debt: debts.Debt) -> dict[str, Any]:
    return {
        "id": debt.debt_id,
        "campaign": debt.campaign,
        "card_id": debt.card_id,
        "booking_id": debt.booking_id,
        "refund_id": debt.refund_id,
        "amount": debt.amount_minor,
        "currency": debt.currency,
        "state": str(debt.state),
        "source": str(debt.source),
        "reason": debt.reason,
        "created_at": debt.created_at,
    }


def everything(ledger: Ledger, found: Customer) -> dict[str, Any]:
    """All that is held on a person, inside a reading block: the view, its versions, and the runs that spoke of them."""
    held = view(ledger, found).as_json()
    versions = whole_person.versions_of(ledger.connection, found.number)
    numbers = whole_person.cards_of(ledger.connection, found.number)
    return {
        "exported_at": ledger.clock.stamp,
        **held,
        "booking_versions": [
            {name: value for name, value in version.items() if name != "line"} for version in versions
        ],
        "runs": whole_person.runs_about(ledger.connection, found.number, numbers),
    }


@dataclass(frozen=True, slots=True)
class OutOfReach:
    """What an erased person can't be told of or paid any more, in minor units by currency."""

    on_cards: Mapping[str, int]
    cash: Mapping[str, int]
    unmailed: Mapping[str, int]
    unfunded: int

    def as_json(self) -> dict[str, Any]:
        """As it stands in JSON output."""
        return {
            "on_cards": dict(self.on_cards),
            "cash_owed": dict(self.cash),
            "not_mailed": dict(self.unmailed),
            "not_funded": self.unfunded,
        }


@dataclass(frozen=True, slots=True)
class ErasedCustomer:
    """What became of a person: `run_id` is None where they had been erased before, and nothing was done."""

    customer: Customer
    run_id: int | None
    erased: Erased | None
    left: OutOfReach

    @property
    def counts(self) -> dict[str, int]:
        """As they stand in JSON: people, their fields, and the versions of refund lines that lost their metadata."""
        if self.erased is None:
            return {"erased": 0, "fields": 0, "metadata": 0}
        return {"erased": 1, "fields": self.erased.fields, "metadata": self.erased.metadata}


def erase(ledger: Ledger, journal: Journal, named: str, reason: str | None) -> ErasedCustomer:
    """Take a person out of the ledger, inside the open transaction; the facts stay. The journal keeps their number.

    Raises CustomerUnknown, SeveralCustomers, and UsageError where the reason names the person.
    """
    found = find(ledger, named)
    if found.erased is not None:
        return ErasedCustomer(found, None, None, OutOfReach({}, {}, {}, 0))
    _refuse_naming(found, reason)
    left = _out_of_reach(ledger, view(ledger, found))
    with one_run(replace(journal, arguments={"customer": found.number, "reason": reason})) as run:
        erased = erasing.erase(ledger.connection, found.number, run.run_id)
        result = ErasedCustomer(whole_person.customer(ledger.connection, found.number), run.run_id, erased, left)
        run.outcome = Outcome(result.counts)
    return result


def _refuse_naming(found: Customer, reason: str | None) -> None:
    """The journal keeps the reason for good, so it must not name the person. Raises UsageError."""
    said = (reason or "").casefold()
    names = [text.casefold() for text in (found.customer_id, found.name, found.email, found.phone) if text]
    if any(name in said for name in names if len(name) >= NAME_LENGTH_MIN):
        raise UsageError("--reason names the person, and would be kept: write it without name, address or id.")


def _out_of_reach(ledger: Ledger, held: View) -> OutOfReach:
    alive = [card for card in held.cards if card["balance"] and card["state"] in _USABLE]
    waiting: Sequence[int] = ()
    if held.customer.email is not None:
        numbers = [int(card["card_id"][1:]) for card in alive]
        waiting = whole_person.unmailed_cards(ledger.connection, numbers)
    return OutOfReach(
        on_cards=_summed((card["currency"], card["balance"]) for card in alive),
        cash=_summed((debt["currency"], debt["amount"]) for debt in held.cash if debt["state"] == DebtState.OPEN),
        unmailed=_summed((card["currency"], card["balance"]) for card in alive if int(card["card_id"][1:]) in waiting),
        unfunded=sum(any(one["state"] in _OPEN for one in line["campaigns"]) for line in held.bookings),
    )


NAME_LENGTH_MIN = 3  # of a name or id in characters: what is shorter stands in other words too
_USABLE = {CardState.ACTIVE, CardState.LOCKED, CardState.DISABLED}
_OPEN = {LineState.OPEN.label, LineState.CASH_ONLY.label}


def _summed(amounts: Iterable[tuple[str, int]]) -> dict[str, int]:
    sums: dict[str, int] = {}
    for currency, minor in amounts:
        sums[currency] = sums.get(currency, 0) + minor
    return sums
