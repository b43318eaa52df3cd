"""A look changes nothing; what it is refused is kept with its card and what was asked, but never with a code."""

import json

from refundctl.domain.basics.errors import Refused
from refundctl.operations.desk.looking_at_cards import Look, look
from refundctl.operations.desk.refusals import BalanceTooLow, CardUnknown
from support.desks.clerk_desk import ClerkDesk


def attempts(desk: ClerkDesk) -> list[tuple[object, ...]]:
    rows = desk.read("SELECT command, campaign, card, error_code, arguments FROM attempts ORDER BY id")
    return [(*row, json.loads(arguments)) for *row, arguments in rows]


def test_what_is_seen_is_given_and_leaves_nothing() -> None:
    desk = ClerkDesk()
    code = desk.card(2).code.lower().replace("-", " ")
    assert look(desk.ledger, desk.journal("card show"), code, lambda seen: seen.card.number) == 2
    assert attempts(desk) == []
    assert not desk.ledger.connection.in_transaction


def test_a_refusal_is_kept_with_its_card_and_what_was_asked() -> None:
    desk = ClerkDesk()
    refused: list[Refused] = []

    def see(seen: Look) -> None:
        seen.asked.update(amount_minor=200_00)
        refused.append(BalanceTooLow("It holds less.", place="here"))
        raise refused[0]

    journal = desk.journal("card validate")
    desk.refuses_to(BalanceTooLow, "gift_amount_exceeded", lambda: look(desk.ledger, journal, "c1", see))
    assert attempts(desk) == [
        ("card validate", "refunds", 1, "gift_amount_exceeded", {"card": "c1", "amount_minor": 200_00})
    ]
    assert (refused[0].campaign, refused[0].details) == ("refunds", {"place": "here", "card_id": "c1"})


def test_a_card_that_there_is_not_is_kept_by_its_id_but_not_by_what_may_be_a_code() -> None:
    desk = ClerkDesk()

    def look_at(named: str) -> None:
        look(desk.ledger, desk.journal("card show", card=named), named, lambda seen: seen)

    desk.refuses_to(CardUnknown, "resource_not_found", lambda: look_at("c99"))
    desk.refuses_to(CardUnknown, "resource_not_found", lambda: look_at("RF-7KQ2-M9XD-4TWH-P3VN"))
    assert attempts(desk) == [
        ("card show", None, None, "resource_not_found", {"card": "c99"}),
        ("card show", None, None, "resource_not_found", {"card": None}),
    ]
    assert "7KQ2" not in str(desk.read("SELECT message FROM attempts"))
