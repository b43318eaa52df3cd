"""Codes that are drawn for cards: each is like none that is there, and a pattern that has no more is refused."""

from collections.abc import Iterator, Sequence
from itertools import islice

import pytest

from refundctl.domain.cards.codes import code_key
from refundctl.ledger.cards import codes
from refundctl.ledger.cards.codes import CodesExhausted
from support.desks.funding_desk import FundingDesk


@pytest.fixture
def desk() -> FundingDesk:
    return FundingDesk()


def draw(desk: FundingDesk, count: int, *drawn: Sequence[str]) -> list[str]:
    """Make cards with the codes that are drawn, one draw after the other, the last one again and again; all codes."""
    draws = iter(drawn)

    def make_codes(_: int) -> list[str]:
        return list(next(draws, drawn[-1]))

    with desk.run() as run_id:

        def post(new: Iterator[str]) -> int:
            sql = "INSERT INTO cards (campaign, code, run_id) VALUES (1, ?, ?)"
            return desk.ledger.connection.executemany(
                sql, ((code, run_id) for code in list(islice(new, count)))
            ).rowcount

        assert codes.post_cards(desk.ledger.connection, make_codes, post) == count
    return [code for (code,) in desk.read("SELECT code FROM cards ORDER BY id")]


def test_codes_are_taken_as_they_are_drawn(desk: FundingDesk) -> None:
    assert codes.highest_card(desk.ledger.connection) == 0
    assert draw(desk, 3, ["B-2", "A 1"], ["C3", "D4"]) == ["B-2", "A 1", "C3"]
    assert desk.read("SELECT code_key, card FROM codes ORDER BY 1") == [("A1", 2), ("B2", 1), ("C3", 3)]
    assert codes.highest_card(desk.ledger.connection) == 3


def test_a_code_that_is_there_already_or_drawn_twice_is_drawn_anew(desk: FundingDesk) -> None:
    draw(desk, 1, ["A1"])
    assert draw(desk, 2, ["a-1", "B2"], ["a 1", "b 2"], ["B2", "C3"]) == ["A1", "b 2", "C3"]
    assert desk.read("SELECT code_key, card FROM codes ORDER BY 1") == [("A1", 1), ("B2", 2), ("C3", 3)]


def test_a_pattern_is_used_up_after_ten_rounds_that_bring_nothing_new(desk: FundingDesk) -> None:
    blind = ["A1", "A1"]
    assert draw(desk, 2, blind, *[["A1"]] * 10, ["B2"]) == ["A1", "B2"]
    connection = desk.ledger.connection
    rounds = iter([["C3"], *[["C3"]] * 10, ["D4"]])
    with desk.run(), pytest.raises(CodesExhausted, match="only 1 of 2 new codes") as refused:
        codes.drawn_distinct(connection, lambda _: next(rounds), 2)
    assert refused.value.code == "no_voucher_suitable_for_publication"
    assert next(rounds) == ["D4"]


@pytest.mark.parametrize("code", ["RF-2345-6789", "rf 2345 6789", "abcXYZ", "a - b - c"])
def test_sql_matches_codes_under_the_form_that_they_are_looked_up_by(desk: FundingDesk, code: str) -> None:
    key = desk.ledger.connection.execute(f"SELECT {codes.CODE_KEY.format(code='?')}", (code,)).fetchone()
    assert key == (code_key(code),)
