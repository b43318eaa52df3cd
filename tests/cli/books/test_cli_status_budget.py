"""`refundctl status`: what of a campaign's budget is used and left, what was kept as fees, and what was undone."""

from pathlib import Path
from typing import Any

from support.command_line import CAMPAIGN, CommandLine, small_campaigns
from support.desks.bookings_desk import Row, booking, only, write_bookings

REFUND = {"fees": [{"name": "service", "fixed": "1.00"}], "bonuses": [{"name": "sorry", "percentage": "10"}]}
BUDGET = {"total": "500.00", "bonus": "20.00", "cards": 4, "per_card": "150.00", "per_customer": "300.00"}


def fund(command_line: CommandLine, folder: Path, *rows: Row, **keys: Any) -> None:
    """Runs 1 to 4 of a new ledger: load, create, publish, topup."""
    (folder / "campaigns.yaml").write_text(small_campaigns(**{"refund": REFUND, "budget": BUDGET, **keys}))
    write_bookings(folder / "bookings.csv", *rows)
    command_line("load", "bookings.csv").ok()
    for command in ("create", "publish", "topup"):
        command_line(command, CAMPAIGN).ok()


def standing_of(command_line: CommandLine) -> dict[str, Any]:
    standing: dict[str, Any] = only(command_line("status", "--json").ok().json()["campaigns"])
    return standing


def said_by(command_line: CommandLine) -> list[str]:
    return [" ".join(line.split()) for line in command_line("status").ok().stdout.splitlines()]


def test_used_and_left(run_in_process: CommandLine, tmp_path: Path) -> None:
    """Of 101.00 one is kept, 100.00 is paid, and 10.00 come on top; cash and fees are no part of the budget.

    Nothing is kept of what is owed in cash.
    """
    fund(
        run_in_process,
        tmp_path,
        booking("B1", "101.00"),
        booking("B2", "56.00", cash_amount="5.00"),
        booking("B3", "7.00", cash_amount="7.00"),
    )
    standing = standing_of(run_in_process)
    assert standing["budget"] == {
        "total": {"limit": 50_000, "used": 16_500, "left": 33_500},
        "bonus": {"limit": 2_000, "used": 1_500, "left": 500},
        "cards": {"limit": 4, "used": 2, "left": 2},
        "per_card": 15_000,
        "per_customer": 30_000,
        "warnings": [],
    }
    assert standing["totals"] == {
        "EUR": {
            "paid": 15_000,
            "bonus": 1_500,
            "cash": 1_200,
            "fee": 200,
            "adjusted": 0,
            "redeemed": 0,
            "expired": 0,
            "cashed_out": 0,
            "lapsed": 0,
            "outstanding": 16_500,
            "budget_used": 16_500,
            "budget_left": 33_500,
        }
    }
    assert set(said_by(run_in_process)) >= {
        "kept as fees EUR 2.00",
        "budget used EUR 165.00 of EUR 500.00, left EUR 335.00",
        "of it bonus EUR 15.00 of EUR 20.00, left EUR 5.00",
        "cards used 2 of 4, left 2",
    }


def test_without_a_budget_nothing_is_said_of_it(run_in_process: CommandLine, tmp_path: Path) -> None:
    fund(run_in_process, tmp_path, booking("B1", "101.00"), budget=None)
    standing = standing_of(run_in_process)
    assert standing["budget"] is None
    assert "budget_used" not in standing["totals"]["EUR"]
    assert not any("budget" in line for line in said_by(run_in_process))


def test_what_has_no_limit_is_null(run_in_process: CommandLine, tmp_path: Path) -> None:
    fund(run_in_process, tmp_path, booking("B1", "101.00"), budget={"cards": 10})
    standing = standing_of(run_in_process)
    assert standing["budget"] == {
        "total": None,
        "bonus": None,
        "cards": {"limit": 10, "used": 1, "left": 9},
        "per_card": None,
        "per_customer": None,
        "warnings": [],
    }
    assert "budget_used" not in standing["totals"]["EUR"]


def test_a_warning_from_its_share_on(run_in_process: CommandLine, tmp_path: Path) -> None:
    """80 per cent of 137.50 are 110.00, to the cent; of 13 cards one is 7.7 per cent."""
    rows = [booking("B1", "101.00")]
    fund(run_in_process, tmp_path, *rows, budget={"total": "137.50", "bonus": "12.51", "cards": 13, "warn_at": "80"})
    warnings = standing_of(run_in_process)["budget"]["warnings"]
    assert [("budget.total" in warning, "EUR 110.00" in warning) for warning in warnings] == [(True, True)]
    assert f"Warning: {warnings[0]}" in said_by(run_in_process)
    fund(run_in_process, tmp_path, *rows, budget={"total": "137.51", "bonus": "12.50", "cards": 1, "warn_at": "80"})
    warnings = standing_of(run_in_process)["budget"]["warnings"]
    assert ["budget.bonus" in warnings[0], "budget.cards" in warnings[1], len(warnings)] == [True, True, 2]


def test_an_undone_run_gives_its_budget_back(run_in_process: CommandLine, tmp_path: Path) -> None:
    fund(run_in_process, tmp_path, booking("B1", "101.00"), booking("B2", "51.00"))
    run_in_process("undo", "4").ok()
    standing = standing_of(run_in_process)
    assert standing["budget"]["total"] == {"limit": 50_000, "used": 0, "left": 50_000}
    assert standing["budget"]["bonus"] == {"limit": 2_000, "used": 0, "left": 2_000}
    assert standing["budget"]["cards"] == {"limit": 4, "used": 2, "left": 2}
    assert {name: standing["totals"]["EUR"][name] for name in ("paid", "bonus", "fee", "outstanding")} == {
        "paid": 0,
        "bonus": 0,
        "fee": 0,
        "outstanding": 0,
    }
    counts = standing["counts"]
    assert (counts["funded"], counts["undone"], counts["deactivated"]) == (0, 2, 0)
    run_in_process("undo", "3").ok()
    standing = standing_of(run_in_process)
    assert standing["budget"]["cards"] == {"limit": 4, "used": 0, "left": 4}
    assert (standing["counts"]["published"], standing["counts"]["deactivated"]) == (0, 2)
    assert set(said_by(run_in_process)) >= {"undone 2", "deactivated 2"}

    run_in_process("undo", "--reopen", "4").ok()
    run_in_process("undo", "--reopen", "3").ok()
    assert standing_of(run_in_process)["counts"]["undone"] == 0
    run_in_process("publish", CAMPAIGN).ok()
    run_in_process("topup", CAMPAIGN).ok()
    standing = standing_of(run_in_process)
    counts = standing["counts"]
    assert (counts["funded"], counts["published"], counts["deactivated"]) == (2, 2, 2)
    assert standing["budget"]["total"] == {"limit": 50_000, "used": 16_500, "left": 33_500}
    assert standing["budget"]["cards"] == {"limit": 4, "used": 2, "left": 2}


def test_a_budget_that_was_made_smaller_has_nothing_left(run_in_process: CommandLine, tmp_path: Path) -> None:
    fund(run_in_process, tmp_path, booking("B1", "101.00"))
    campaigns = tmp_path / "campaigns.yaml"
    campaigns.write_text(small_campaigns(refund=REFUND, budget={"total": "50.00"}))
    run_in_process("create", CAMPAIGN).ok()
    assert standing_of(run_in_process)["budget"]["total"] == {"limit": 5_000, "used": 11_000, "left": 0}


def test_lines_that_get_nothing_are_not_waited_for(run_in_process: CommandLine, tmp_path: Path) -> None:
    """The bar is full once all that is to be given is given."""
    fund(
        run_in_process,
        tmp_path,
        booking("B1", "101.00"),
        booking("B2", "1.00"),
        booking("B3", "50.00", tier="blocked"),
        refund={**REFUND, "offers": [{"when": {"tier": ["blocked"]}, "offer": "none"}]},
    )
    counts = standing_of(run_in_process)["counts"]
    assert (counts["bookings"], counts["refund_lines"], counts["funded"]) == (1, 1, 1)
    assert "█" * 30 + " 1 of 1 refunds funded" in said_by(run_in_process)
