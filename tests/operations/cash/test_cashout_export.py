"""Files for the bank: which debts are in one, each in one at a time, and what becomes of a file that was cut off."""

import io
from pathlib import Path

import pytest

from refundctl.domain.basics.errors import UsageError
from refundctl.files.cash.accounts_csv import Accounts, read_accounts
from refundctl.files.safe_write import FileExists
from refundctl.ledger.cash import bank_files
from refundctl.operations.cash.cashout import Request
from refundctl.operations.cash.cashout_export import (
    CSV,
    PAIN,
    AccountsChanged,
    BankFileAsked,
    CashExport,
    DebtorMissing,
    export,
    listed,
    place_of,
)
from refundctl.operations.delivery.hand_over import HandOverOpen
from refundctl.operations.desk.issue import Goodwill, issue
from support.desks.bookings_desk import rows_of
from support.desks.cash_desk import DEBTOR, DUTCH, FRENCH, HEADER
from support.desks.clerk_desk import ClerkDesk

BOTH = f"{HEADER}{DEBTOR}ana,Ana Nowak,{FRENCH},\nben,,{DUTCH},\n"


def accounts(text: str = BOTH) -> Accounts:
    return read_accounts(io.BytesIO(text.encode()), "accounts.csv")


def asked_in_cash(desk: ClerkDesk, *cards: str) -> list[int]:
    return [int(desk.do(Request("cash"), card).facts["cashout"]["id"]) for card in cards]


def pay(
    desk: ClerkDesk,
    path: Path,
    format_: str = PAIN,
    of: Accounts | None = None,
    *,
    campaign: str | None = None,
    keep: bool = True,
) -> CashExport:
    asked = BankFileAsked(path, format_, campaign, of)
    return export(desk.ledger, desk.journal("cashout export"), asked, keep=keep)


def left_out(found: CashExport) -> list[tuple[int, str]]:
    return [(one.debt.debt_id, one.code) for one in found.left_out]


def test_a_debt_is_in_one_file_and_a_dry_run_keeps_none(tmp_path: Path) -> None:
    desk, path = ClerkDesk(), tmp_path / "may.xml"
    ana, ben = asked_in_cash(desk, "c1", "c2")
    tried = pay(desk, path, of=accounts(), keep=False)
    assert (tried.counts["rows"], tried.totals, tried.written) == (2, {"EUR": {"cash": 150_00}}, None)
    assert (list(tmp_path.iterdir()), desk.debts()) == ([], {ana: "open", ben: "open"})
    found = pay(desk, path, of=accounts())
    assert ([debt.debt_id for debt in found.paid], found.partial, found.finished) == ([ana, ben], False, False)
    assert (found.written.rows if found.written else 0, path.stat().st_mode & 0o777) == (2, 0o600)
    assert desk.debts() == {ana: "ordered", ben: "ordered"}
    again = pay(desk, path, of=accounts())
    assert (again.paid, again.file) == ([], None)


def test_without_a_good_account_a_pain_001_leaves_out_what_a_csv_pays_with_a_blank(tmp_path: Path) -> None:
    desk = ClerkDesk()
    ana, ben = asked_in_cash(desk, "c1", "c2")
    only_ana = accounts(f"{HEADER}{DEBTOR}ana,,{FRENCH},\n")
    found = pay(desk, tmp_path / "may.xml", of=only_ana, keep=False)
    assert (left_out(found), found.partial, [debt.debt_id for debt in found.paid]) == (
        [(ben, "without_account")],
        True,
        [ana],
    )
    wrong = accounts(f"{HEADER}{DEBTOR}ana,,{FRENCH[:-1]}7,\n")
    path = tmp_path / "may.csv"
    found = pay(desk, path, CSV, wrong)
    assert (left_out(found), found.partial) == ([(ana, "iban_invalid"), (ben, "without_account")], True)
    [entry, _] = listed(found, "accounts.csv")
    assert (entry["id"], entry["path"], entry["line"]) == (ana, "accounts.csv", 3)
    assert [(row["id"], row["iban"], row["amount"]) for row in rows_of(path)] == [(str(ben), "", "50.00")]
    assert desk.debts() == {ana: "open", ben: "ordered"}


def test_pain_001_pays_euros_only_and_no_more_than_sepa_takes(tmp_path: Path) -> None:
    desk = ClerkDesk()
    desk.also("us", currency="USD")
    for campaign, amount in (("us", "7.00"), ("refunds", "999999999.99"), ("refunds", "1000000000")):
        issue(desk.ledger, desk.journal("card issue"), Goodwill(campaign, "ana", amount, "sorry", "paid"))
    dollars, most, too_much = asked_in_cash(desk, "c3", "c4", "c5")
    found = pay(desk, tmp_path / "may.xml", of=accounts(), keep=False)
    assert [debt.debt_id for debt in found.paid] == [most]
    assert left_out(found) == [(dollars, "other_currency"), (too_much, "amount_too_large")]
    assert found.counts == {"rows": 1, "without_account": 0, "other_currency": 1, "amount_too_large": 1}
    found = pay(desk, tmp_path / "may.csv", CSV, keep=False)
    assert found.totals == {"EUR": {"cash": 199_999_999_999}, "USD": {"cash": 7_00}}
    found = pay(desk, tmp_path / "us.csv", CSV, campaign="us", keep=False)
    assert [debt.debt_id for debt in found.paid] == [dollars]


def test_what_was_cut_off_is_finished_in_its_place_before_anything_else(tmp_path: Path) -> None:
    desk, path = ClerkDesk(), tmp_path / "may.csv"
    ana, ben = asked_in_cash(desk, "c1", "c2")
    desk.order(ana, path=str(path), delivered=False)
    desk.refuses_to(HandOverOpen, "batch_open", lambda: pay(desk, tmp_path / "june.csv", CSV))
    desk.refuses_to(HandOverOpen, "batch_open", lambda: pay(desk, path, PAIN, accounts()))
    with pytest.raises(AccountsChanged, match="has no good account any more for 1 of the 1 debts"):
        pay(desk, path, CSV, accounts(f"{HEADER}ana,,{FRENCH[:-1]}7,\n"))
    assert pay(desk, path, CSV, keep=False).finished
    assert not path.exists()
    found = pay(desk, path, CSV)
    assert (found.finished, [row["id"] for row in rows_of(path)]) == (True, [str(ana)])
    assert bank_files.open_file(desk.ledger.connection) is None
    assert desk.debts() == {ana: "ordered", ben: "open"}


def test_an_earlier_file_is_kept_aside_and_anybody_elses_left_alone(tmp_path: Path) -> None:
    desk, path = ClerkDesk(), tmp_path / "pay.csv"
    [ana] = asked_in_cash(desk, "c1")
    first = pay(desk, path, CSV)
    content = path.read_bytes()
    asked_in_cash(desk, "c2")
    pay(desk, path, CSV)
    assert first.file is not None
    assert (tmp_path / f"pay-run{first.file.run_id}.csv").read_bytes() == content
    with desk.run() as run_id:
        bank_files.reject(desk.ledger.connection, 1, None, run_id)
    path.write_text("mine", encoding="utf-8")
    with pytest.raises(FileExists):
        pay(desk, path, CSV)
    assert (path.read_text(encoding="utf-8"), desk.debts()[ana]) == ("mine", "open")


def test_who_pays_must_be_known_where_the_format_needs_it() -> None:
    def debtor(text: str | None, format_: str = PAIN) -> str:
        return BankFileAsked(Path("/pay"), format_, None, None if text is None else accounts(text)).debtor.name

    assert [debtor(HEADER + DEBTOR), debtor(None, CSV)] == ["Airline AG", ""]
    with pytest.raises(UsageError, match="--accounts FILE"):
        debtor(None)
    rows = {
        f"ana,,{FRENCH},": "debtor_missing",
        f"debtor,Airline,{FRENCH[:-1]}7,": "iban_invalid",
        f"debtor,,{FRENCH},": "debtor_unnamed",
    }
    for row, code in rows.items():
        with pytest.raises(DebtorMissing) as missing:
            debtor(f"{HEADER}{row}\n")
        assert missing.value.code == code
    with pytest.raises(UsageError):
        place_of("-")
