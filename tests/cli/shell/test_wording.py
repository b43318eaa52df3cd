"""Codes in words: on the screen no code is left, in JSON each stays as it is."""

from pathlib import Path

import pytest

from refundctl.cli.shell.wording import in_words
from refundctl.ledger.cards import pool
from refundctl.ledger.funding.line_state import LineState
from refundctl.operations.funding.publish import CASH_ONLY
from refundctl.operations.funding.topup import NOT_PUBLISHED
from support.command_line import CAMPAIGN, CommandLine
from support.desks.bookings_desk import booking, write_bookings

REASONS = {state.label for state in LineState if state.is_skipped} | {CASH_ONLY, NOT_PUBLISHED, pool.NO_CARD_LEFT}


def test_each_reason_has_words_of_its_own() -> None:
    words = {in_words(reason) for reason in REASONS}
    assert len(words) == len(REASONS)
    assert not any("_" in text or "voucher" in text for text in words)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("cash_only", "owed in cash"),
        ("nothing_left", "nothing left after fees"),
        ("per_card", "over the card's cap"),
        ("amount_not_positive", "amount not positive"),
        ("active", "active"),
    ],
)
def test_a_code_in_words(code: str, words: str) -> None:
    assert in_words(code) == words


def test_the_screen_has_words_and_json_the_codes(run_in_process: CommandLine, tmp_path: Path, campaigns: Path) -> None:
    flown = booking("B2", status="flown")
    write_bookings(tmp_path / "bookings.csv", booking("B1"), flown, booking("B3", amount="-1"))
    run = ["run", CAMPAIGN, "bookings.csv", "--out", "out", "-n"]
    shown = run_in_process(*run).stdout
    assert "(1 not eligible)" in shown
    assert "(1 amount not positive)" in shown
    answer = run_in_process(*run, "--json").json()
    assert answer["rejected_by_code"] == {"amount_not_positive": 1}
    assert answer["steps"]["publish"]["counts"]["skipped_by_reason"] == {"not_eligible": 1}
