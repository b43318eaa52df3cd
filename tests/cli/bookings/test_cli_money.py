"""Every currency with its own decimals, from the file of bookings through to the mail file, exactly."""

import json
from pathlib import Path

import pytest

from support.command_line import CAMPAIGN, CommandLine, small_campaigns
from support.desks.bookings_desk import booking, column, only, rows_of, write_bookings

# SPEC, section 2 of RELIABILITY's cases: none, two, three and four decimals.
CURRENCIES = {
    "JPY": ([("1500", "1500"), ("1", "1")], 1_501, "1501"),
    "EUR": ([("12.50", "12.50"), ("0.01", "0.01"), ("3", "3.00"), ("1.5", "1.50")], 1_701, "17.01"),
    "KWD": ([("12.345", "12.345"), ("0.001", "0.001"), ("2", "2.000")], 14_346, "14.346"),
    "CLF": ([("12.3456", "12.3456"), ("0.0001", "0.0001"), ("2.5", "2.5000")], 148_457, "14.8457"),
}
TOTALS = ("paid", "bonus", "cash", "fee", "adjusted", "redeemed", "expired", "cashed_out", "lapsed", "outstanding")
NOTHING = dict.fromkeys(TOTALS, 0)
each_currency = pytest.mark.parametrize(
    ("currency", "amounts", "total_minor", "total"),
    [(currency, *rest) for currency, rest in CURRENCIES.items()],
    ids=CURRENCIES,
)


@each_currency
def test_amounts_come_through_exactly(
    currency: str,
    amounts: list[tuple[str, str]],
    total_minor: int,
    total: str,
    run_in_process: CommandLine,
    tmp_path: Path,
    campaigns: Path,
) -> None:
    campaigns.write_text(small_campaigns(currency=currency))
    rows = [booking(f"B{number}", said, currency=currency) for number, (said, _) in enumerate(amounts)]
    write_bookings(tmp_path / "bookings.csv", *rows)
    expected = ["--expect-total", f"{currency} {total}"]
    answer = run_in_process("run", CAMPAIGN, "bookings.csv", "--out", "out", "--json", *expected).ok().json()
    assert answer["totals"][currency]["total"] == total_minor
    assert answer["steps"]["load"]["totals"][currency]["total"] == total_minor
    assert answer["mail"]["totals"][currency]["balance"] == total_minor

    shown = [written for _, written in amounts]
    assert column(tmp_path / "out" / "mail.csv", "balance") == shown
    assert set(column(tmp_path / "out" / "mail.csv", "currency")) == {currency}
    for kind, name in (("cards", "balance"), ("transactions", "amount"), ("bookings", "paid")):
        exported = run_in_process("export", kind, CAMPAIGN, "-o", "-").ok().stdout
        assert column(exported, name) == shown
    standing = only(run_in_process("status", "--json").ok().json()["campaigns"])
    assert standing["totals"][currency]["outstanding"] == total_minor
    assert f"{currency} " in run_in_process("status").ok().stdout
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert manifest["files"][0]["totals"] == {currency: total_minor}


@each_currency
def test_one_decimal_too_many_is_rejected(
    currency: str,
    amounts: list[tuple[str, str]],
    total_minor: int,
    total: str,
    run_in_process: CommandLine,
    tmp_path: Path,
) -> None:
    decimals = len(total.partition(".")[2])
    write_bookings(tmp_path / "bookings.csv", booking("B1", f"1.{'0' * decimals}1", currency=currency))
    assert run_in_process("load", "bookings.csv").exit == 3
    assert column(tmp_path / "bookings.rejects.csv", "_code") == ["too_many_decimals"]


def test_no_amount_is_ever_a_float(run_in_process: CommandLine, tmp_path: Path, campaigns: Path) -> None:
    """Ten cents three times, and more cents than a float can count."""
    amounts = ["0.10", "0.10", "0.10", "19.99", "9007199254740.93", "9007199254740.95"]
    write_bookings(tmp_path / "bookings.csv", *(booking(f"B{n}", amount) for n, amount in enumerate(amounts)))
    answer = run_in_process("run", CAMPAIGN, "bookings.csv", "--out", "out", "--json").ok().json()
    assert answer["totals"]["EUR"]["total"] == 1_801_439_850_950_217
    assert column(tmp_path / "out" / "mail.csv", "balance") == amounts


def test_currencies_that_differ_elsewhere_are_those_of_iso_4217(run_in_process: CommandLine, tmp_path: Path) -> None:
    """Other tables give the Iraqi dinar no decimals, and the Malagasy ariary none."""
    write_bookings(
        tmp_path / "bookings.csv", booking("B1", "1.234", currency="IQD"), booking("B2", "1.25", currency="MGA")
    )
    totals = run_in_process("load", "bookings.csv", "--json").ok().json()["totals"]
    assert (totals["IQD"]["total"], totals["MGA"]["total"]) == (1_234, 125)


def test_several_currencies_in_one_file_are_never_added_up(
    run_in_process: CommandLine, tmp_path: Path, campaigns: Path
) -> None:
    euro = small_campaigns()
    yen = small_campaigns("yen", currency="JPY").partition("campaigns:\n")[2]
    campaigns.write_text(euro + yen)
    write_bookings(tmp_path / "bookings.csv", booking("B1", "12.50"), booking("B2", "1500", currency="JPY"))
    run_in_process("load", "bookings.csv").ok()
    for campaign in (CAMPAIGN, "yen"):
        for command in ("create", "publish", "topup"):
            run_in_process(command, campaign).ok()
    standings = run_in_process("status", "--json").ok().json()["campaigns"]
    assert [standing["totals"] for standing in standings] == [
        {"EUR": {**NOTHING, "paid": 1250, "outstanding": 1250}},
        {"JPY": {**NOTHING, "paid": 1500, "outstanding": 1500}},
    ]
    run_in_process("export", "mail", "yen", "-o", "yen.csv").ok()
    assert [(row["balance"], row["currency"]) for row in rows_of(tmp_path / "yen.csv")] == [("1500", "JPY")]
