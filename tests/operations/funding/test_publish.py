"""Codes of published cards: all different, never run out unnoticed, and telling nothing of each other."""

from pathlib import Path

import pytest

from support.books import LEDGER, everything, number, read
from support.command_line import CAMPAIGN, CommandLine, small_campaigns


def bookings(rows: int, first: int = 1) -> str:
    lines = (f"B{n},C{n},c{n}@example.com,{n}.00,EUR,cancelled\n" for n in range(first, first + rows))
    return "booking_id,customer_id,email,order_amount,currency,status\n" + "".join(lines)


def small_space(**code_config: object) -> str:
    return small_campaigns(weak_codes=True, voucher={"code_config": code_config})


@pytest.fixture
def loaded(run_in_process: CommandLine, tmp_path: Path, campaigns: Path) -> CommandLine:
    """A campaign with codes A22 to A99, of which there are 64, and 64 bookings."""
    campaigns.write_text(small_space(pattern="A##", charset="23456789"), encoding="utf-8")
    (tmp_path / "bookings.csv").write_text(bookings(64), encoding="utf-8")
    run_in_process("load", "bookings.csv").ok()
    run_in_process("create", CAMPAIGN).ok()
    return run_in_process


def codes(folder: Path) -> list[str]:
    return [code for (code,) in read(folder / LEDGER, "SELECT code FROM cards ORDER BY id")]


EVERY_CODE = [f"A{first}{second}" for first in "23456789" for second in "23456789"]


def test_a_code_that_is_taken_is_drawn_again_until_the_last_one(loaded: CommandLine, tmp_path: Path) -> None:
    assert loaded("publish", CAMPAIGN, "--json").ok().json()["counts"]["published"] == 64
    assert sorted(codes(tmp_path)) == EVERY_CODE
    loaded("verify").ok()


def test_codes_are_new_from_one_command_to_the_next(loaded: CommandLine, tmp_path: Path) -> None:
    counts = [loaded("publish", CAMPAIGN, "--limit", "20", "--json").ok().json()["counts"] for _ in range(4)]
    assert [(one["published"], one["remaining"]) for one in counts] == [(20, 44), (20, 24), (20, 4), (4, 0)]
    assert sorted(codes(tmp_path)) == EVERY_CODE
    loaded("verify").ok()


def test_codes_are_new_across_campaigns(loaded: CommandLine, tmp_path: Path, campaigns: Path) -> None:
    loaded("publish", CAMPAIGN, "--limit", "40").ok()
    campaigns.write_text(
        campaigns.read_text(encoding="utf-8")
        + small_campaigns(
            "other", weak_codes=True, voucher={"code_config": {"pattern": "a-#-#", "charset": "23456789"}}
        ).partition("campaigns:\n")[2],
        encoding="utf-8",
    )
    loaded("create", "other").ok()
    loaded("publish", "other", "--limit", "24").ok()
    matched = [code.upper().replace("-", "") for code in codes(tmp_path)]
    assert sorted(matched) == EVERY_CODE, "a code is matched without regard to case and dashes"
    refused = loaded("publish", "other", "--json")
    assert (refused.exit, refused.json()["errors"][0]["code"]) == (4, "no_voucher_suitable_for_publication")


@pytest.mark.parametrize("published_before", [0, 1, 63, 64])
def test_a_pattern_that_is_used_up_publishes_nothing(
    loaded: CommandLine, tmp_path: Path, published_before: int
) -> None:
    if published_before:
        loaded("publish", CAMPAIGN, "--limit", str(published_before)).ok()
    (tmp_path / "more.csv").write_text(bookings(10, first=100), encoding="utf-8")
    loaded("load", "more.csv").ok()
    before = everything(tmp_path / LEDGER)

    refused = loaded("publish", CAMPAIGN, "--json")
    assert refused.exit == 4
    [error] = refused.json()["errors"]
    assert error["code"] == "no_voucher_suitable_for_publication"
    assert refused.json()["status"] == "refused"

    after = everything(tmp_path / LEDGER)
    attempts = after.pop("attempts")
    assert [(row[2], row[10]) for row in attempts] == [("publish", "no_voucher_suitable_for_publication")]
    before.pop("attempts")
    assert after == before
    loaded("verify").ok()


def test_a_run_whose_codes_are_used_up_keeps_nothing_of_it(
    run_in_process: CommandLine, tmp_path: Path, campaigns: Path
) -> None:
    campaigns.write_text(small_space(pattern="A#", charset="23456789"), encoding="utf-8")
    (tmp_path / "bookings.csv").write_text(bookings(9), encoding="utf-8")
    refused = run_in_process("run", CAMPAIGN, "bookings.csv", "--out", "out", "--json")
    assert (refused.exit, refused.json()["errors"][0]["code"]) == (4, "no_voucher_suitable_for_publication")
    ledger = tmp_path / LEDGER
    assert [number(ledger, f"SELECT count(*) FROM {table}") for table in ("runs", "bookings", "cards")] == [0, 0, 0]
    assert number(ledger, "SELECT count(*) FROM attempts") == 1
    assert not (tmp_path / "out").exists()

    (tmp_path / "bookings.csv").write_text(bookings(8), encoding="utf-8")
    run_in_process("run", CAMPAIGN, "bookings.csv", "--out", "out").ok()
    assert sorted(codes(tmp_path)) == [f"A{sign}" for sign in "23456789"]


def test_a_longer_pattern_goes_on_where_a_short_one_is_used_up(
    loaded: CommandLine, tmp_path: Path, campaigns: Path
) -> None:
    loaded("publish", CAMPAIGN).ok()
    (tmp_path / "more.csv").write_text(bookings(10, first=100), encoding="utf-8")
    loaded("load", "more.csv").ok()
    campaigns.write_text(small_space(pattern="A###", charset="23456789"), encoding="utf-8")
    loaded("create", CAMPAIGN).ok()
    assert loaded("publish", CAMPAIGN, "--json").ok().json()["counts"]["published"] == 10
    assert len(set(codes(tmp_path))) == 74


def test_a_code_never_has_the_shape_of_a_card_id(run_in_process: CommandLine, tmp_path: Path, campaigns: Path) -> None:
    campaigns.write_text(small_space(pattern="C##", charset="23456789ABCDEFGH"), encoding="utf-8")
    (tmp_path / "bookings.csv").write_text(bookings(192), encoding="utf-8")
    run_in_process("load", "bookings.csv").ok()
    run_in_process("create", CAMPAIGN).ok()
    run_in_process("publish", CAMPAIGN).ok()
    made = codes(tmp_path)
    assert (len(made), len(set(made))) == (192, 192)
    assert [code for code in made if code[1:].isdigit()] == []


def test_a_weak_pattern_is_refused_unless_it_is_meant(run_in_process: CommandLine, campaigns: Path) -> None:
    campaigns.write_text(small_campaigns(voucher={"code_config": {"pattern": "A##"}}), encoding="utf-8")
    result = run_in_process("create", CAMPAIGN)
    assert result.exit == 78
    assert "weak_codes" in result.stderr


def test_no_code_is_shown_by_the_commands_that_make_them(loaded: CommandLine, tmp_path: Path, campaigns: Path) -> None:
    campaigns.write_text(small_campaigns(), encoding="utf-8")
    said = [loaded("create", CAMPAIGN), loaded("publish", CAMPAIGN), loaded("publish", CAMPAIGN, "--json")]
    said += [loaded("topup", CAMPAIGN), loaded("export", "mail", CAMPAIGN, "-o", "mail.csv", "--json")]
    said += [loaded("status"), loaded("status", "--json"), loaded("runs"), loaded("runs", "--json"), loaded("verify")]
    text = "".join(result.ok().stdout + result.stderr for result in said)
    journal = repr(
        [read(tmp_path / LEDGER, f"SELECT * FROM {table}") for table in ("runs", "run_outcomes", "attempts")]
    )
    made = codes(tmp_path)
    assert len(made) == 64
    assert [code for code in made if code in text or code in journal] == []
