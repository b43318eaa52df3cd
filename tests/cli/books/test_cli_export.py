"""`refundctl export`: files with exactly the columns that were promised, private, whole, and mail only once."""

import hashlib
import os
import re
from functools import partial
from pathlib import Path

import pytest

from support.command_line import CAMPAIGN, CommandLine, small_campaigns
from support.desks.bookings_desk import (
    LEDGER,
    booking,
    column,
    files_in,
    header_of,
    mode_of,
    only,
    rows_of,
    write_bookings,
)

NOW = "2020-05-01T12:00:00Z"

# SPEC, section 4: in this order.
COLUMNS = {
    "mail": "email,name,code,balance,currency,expires_on,booking_id,customer_id,campaign,locale",
    "cards": "card_id,code,campaign,customer_id,booking_id,state,balance,currency,published_at,expires_on,"
    "redemption_count",
    "transactions": "id,campaign,card_id,type,bucket,amount,balance,currency,booking_id,source_id,reason,"
    "related_transaction_id,run_id,created_at",
    "publications": "card_id,customer_id,booking_id,campaign,published_at,run_id",
    "bookings": "booking_id,order_amount,currency,refund_id,refund_amount,cash_amount,bonus_amount,customer_id,email,"
    "name,phone,locale,country,status,booked_at,cancelled_at,channel,category,tier,tickets,accepted,marketing_consent,"
    "campaign,card_id,funded,paid,bonus,fee,skipped_reason",
}
NOT_MAIL = [kind for kind in COLUMNS if kind != "mail"]


@pytest.fixture
def funded(run_in_process: CommandLine, tmp_path: Path, campaigns: Path) -> CommandLine:
    """A ledger with two funded cards, one without an e-mail, and a booking that is not eligible; nothing is mailed."""
    write_bookings(
        tmp_path / "bookings.csv",
        booking("B1", "12.50", locale="pl-PL", country="PL", phone="+48 600 100 200", tickets="2", tier="gold"),
        booking("B2", "99.00", refund_id="R2", refund_amount="50.00", email="", name='Jan, "Johnny" Kos'),
        booking("B3", "7.00", status="flown"),
    )

    run_in_process("load", "bookings.csv", now=NOW).ok()
    for command in ("create", "publish", "topup"):
        run_in_process(command, CAMPAIGN, now=NOW).ok()
    return partial(run_in_process, now=NOW)


# --- Columns and cells ---


@pytest.mark.parametrize("kind", COLUMNS)
def test_columns_are_as_promised(kind: str, funded: CommandLine, tmp_path: Path) -> None:
    funded("export", kind, CAMPAIGN, "-o", "out.csv").ok()
    assert ",".join(header_of(tmp_path / "out.csv")) == COLUMNS[kind]


@pytest.mark.parametrize("kind", COLUMNS)
def test_columns_are_the_same_where_there_is_nothing_yet(
    kind: str, run_in_process: CommandLine, tmp_path: Path, campaigns: Path
) -> None:
    run_in_process("create", CAMPAIGN).ok()
    run_in_process("export", kind, CAMPAIGN, "-o", "out.csv").ok()
    if kind == "mail":
        assert not (tmp_path / "out.csv").exists()  # nothing is handed over
    else:
        assert (tmp_path / "out.csv").read_text() == COLUMNS[kind] + "\n"


def test_mail(funded: CommandLine, tmp_path: Path) -> None:
    funded("export", "mail", CAMPAIGN, "-o", "mail.csv").ok()
    row = only(rows_of(tmp_path / "mail.csv"))
    assert re.fullmatch(r"RF(-[2-9A-HJKMNP-Z]{4}){4}", row.pop("code"))
    assert row == {
        "email": "b1@example.org",
        "name": "Guest B1",
        "balance": "12.50",
        "currency": "EUR",
        "expires_on": "2021-05-01",
        "booking_id": "B1",
        "customer_id": "C-B1",
        "campaign": CAMPAIGN,
        "locale": "pl-PL",
    }


def test_cards(funded: CommandLine, tmp_path: Path) -> None:
    funded("export", "cards", CAMPAIGN, "-o", "cards.csv").ok()
    first, second = rows_of(tmp_path / "cards.csv")
    assert first.pop("code") != second.pop("code")
    assert first == {
        "card_id": "c1",
        "campaign": CAMPAIGN,
        "customer_id": "C-B1",
        "booking_id": "B1",
        "state": "active",
        "balance": "12.50",
        "currency": "EUR",
        "published_at": NOW,
        "expires_on": "2021-05-01",
        "redemption_count": "0",
    }


def test_cards_show_what_was_done_to_them(funded: CommandLine, tmp_path: Path) -> None:
    redeem = ("card", "redeem", "c1", "--customer", "C-B1", "--amount", "2", "--invoice")
    funded(*redeem, "I-1").ok()
    funded(*redeem, "I-2").ok()
    given_back = funded(*redeem, "I-3", "--json").ok().json()["redemption"]["id"]
    funded("card", "rollback", str(given_back)).ok()
    funded("card", "disable", "c2").ok()
    funded("export", "cards", CAMPAIGN, "-o", "cards.csv").ok()
    told = [(row["state"], row["balance"], row["redemption_count"]) for row in rows_of(tmp_path / "cards.csv")]
    assert told == [("active", "8.50", "2"), ("disabled", "50.00", "0")]


def test_cards_of_nobody(run_in_process: CommandLine, tmp_path: Path, campaigns: Path) -> None:
    campaigns.write_text(small_campaigns(type="STATIC", vouchers_count=2))
    run_in_process("create", CAMPAIGN, now=NOW).ok()
    run_in_process("card", "activate", "c2", now=NOW).ok()
    run_in_process("export", "cards", CAMPAIGN, "-o", "cards.csv", now=NOW).ok()
    told = ("card_id", "customer_id", "state", "published_at", "expires_on")
    assert [tuple(row[name] for name in told) for row in rows_of(tmp_path / "cards.csv")] == [
        ("c1", "", "unassigned", "", ""),
        ("c2", "", "active", NOW, "2021-05-01"),
    ]


def test_transactions_of_the_desk_name_the_cards_booking_and_the_invoice(funded: CommandLine, tmp_path: Path) -> None:
    redeem = ("card", "redeem", "c1", "--customer", "C-B1", "--amount", "2", "--invoice", "I-1", "--json")
    redemption = funded(*redeem).ok().json()["redemption"]["id"]
    funded("card", "rollback", str(redemption)).ok()
    funded("export", "transactions", CAMPAIGN, "-o", "t.csv").ok()
    told = ("type", "amount", "balance", "booking_id", "source_id", "related_transaction_id")
    assert [tuple(row[name] for name in told) for row in rows_of(tmp_path / "t.csv")][2:] == [
        ("CREDITS_REDEMPTION", "-2.00", "10.50", "B1", "I-1", ""),
        ("CREDITS_REFUND", "2.00", "12.50", "B1", "", str(redemption)),
    ]
    funded("export", "transactions", CAMPAIGN, "-o", "b1.csv", "--where", "booking_id=B1").ok()
    assert column(tmp_path / "b1.csv", "amount") == ["12.50", "-2.00", "2.00"]
    funded("export", "transactions", CAMPAIGN, "-o", "b2.csv", "--where", "booking_id=B2").ok()
    assert column(tmp_path / "b2.csv", "amount") == ["50.00"]


def test_a_balance_counts_what_is_not_listed(run_in_process: CommandLine, tmp_path: Path, campaigns: Path) -> None:
    campaigns.write_text(small_campaigns(card_per="customer"), encoding="utf-8")
    ana = {"customer_id": "ANA", "email": "ana@example.org"}
    write_bookings(tmp_path / "bookings.csv", booking("B1", "12.50", **ana), booking("B2", "50.00", **ana))
    run_in_process("run", CAMPAIGN, "bookings.csv", "--out", "out").ok()
    run_in_process("card", "redeem", "c1", "--amount", "2", "--invoice", "I-1", "--customer", "ANA").ok()

    run_in_process("export", "transactions", CAMPAIGN, "-o", "b2.csv", "--where", "booking_id=B2").ok()
    told = [(row["amount"], row["balance"]) for row in rows_of(tmp_path / "b2.csv")]
    assert told == [("50.00", "62.50"), ("-2.00", "60.50")]


def test_a_redemption_from_both_buckets_has_one_invoice(
    run_in_process: CommandLine, tmp_path: Path, campaigns: Path
) -> None:
    write_bookings(tmp_path / "bookings.csv", booking("B1", "12.50", bonus_amount="5.00"))
    run_in_process("run", CAMPAIGN, "bookings.csv", "--out", "out").ok()
    purchase = ("--amount", "6", "--invoice", "I-1", "--customer", "C-B1")
    run_in_process("card", "redeem", "c1", *purchase).ok()
    run_in_process("export", "transactions", CAMPAIGN, "-o", "t.csv").ok()
    told = [(row["bucket"], row["amount"], row["source_id"]) for row in rows_of(tmp_path / "t.csv")][2:]
    assert told == [("paid", "-1.00", "I-1"), ("bonus", "-5.00", "I-1")]


def test_a_customers_card_that_was_lost_keeps_its_bookings(
    run_in_process: CommandLine, tmp_path: Path, campaigns: Path
) -> None:
    campaigns.write_text(small_campaigns(card_per="customer"))
    write_bookings(tmp_path / "bookings.csv", *(booking(number, customer_id="ANA") for number in ("B1", "B2")))
    run_in_process("run", CAMPAIGN, "bookings.csv", "--out", "out").ok()
    run_in_process("card", "transfer", "c1").ok()
    run_in_process("export", "cards", CAMPAIGN, "-o", "cards.csv").ok()
    told = [(row["state"], row["balance"], row["booking_id"]) for row in rows_of(tmp_path / "cards.csv")]
    assert told == [("transferred", "0.00", "B1;B2"), ("active", "200.00", "B1;B2")]


def test_transactions(funded: CommandLine, tmp_path: Path) -> None:
    funded("export", "transactions", CAMPAIGN, "-o", "t.csv").ok()
    _, second = rows_of(tmp_path / "t.csv")
    assert second == {
        "id": "2",
        "campaign": CAMPAIGN,
        "card_id": "c2",
        "type": "CREDITS_ADDITION",
        "bucket": "paid",
        "amount": "50.00",
        "balance": "50.00",
        "currency": "EUR",
        "booking_id": "B2",
        "source_id": "R2",
        "reason": "",
        "related_transaction_id": "",
        "run_id": "4",
        "created_at": NOW,
    }


def test_publications(funded: CommandLine, tmp_path: Path) -> None:
    funded("export", "publications", CAMPAIGN, "-o", "p.csv").ok()
    assert [list(row.values()) for row in rows_of(tmp_path / "p.csv")] == [
        ["c1", "C-B1", "B1", CAMPAIGN, NOW, "3"],
        ["c2", "C-B2", "B2", CAMPAIGN, NOW, "3"],
    ]


def test_publications_of_a_customers_card_list_its_bookings(
    run_in_process: CommandLine, tmp_path: Path, campaigns: Path
) -> None:
    campaigns.write_text(small_campaigns(card_per="customer"))
    mine = {"customer_id": "C-1", "email": "one@example.org", "name": "One"}
    write_bookings(tmp_path / "bookings.csv", booking("B1", **mine), booking("B2", **mine), booking("B3"))
    run_in_process("run", CAMPAIGN, "bookings.csv", "--out", "out").ok()
    run_in_process("export", "publications", CAMPAIGN, "-o", "p.csv").ok()
    assert column(tmp_path / "p.csv", "booking_id") == ["B1;B2", "B3"]


def test_bookings(funded: CommandLine, tmp_path: Path) -> None:
    funded("export", "bookings", CAMPAIGN, "-o", "b.csv").ok()
    first, second, third = rows_of(tmp_path / "b.csv")
    said = ("order_amount", "refund_id", "refund_amount", "phone", "country", "tickets", "tier")
    assert [first[name] for name in said] == ["12.50", "B1", "12.50", "+48 600 100 200", "PL", "2", "gold"]
    assert [second[name] for name in said[:3]] == ["99.00", "R2", "50.00"]
    assert second["name"] == 'Jan, "Johnny" Kos'
    ours = ("campaign", "card_id", "funded", "paid", "bonus", "fee", "skipped_reason")
    assert [second[name] for name in ours] == [CAMPAIGN, "c2", "yes", "50.00", "0.00", "0.00", ""]
    assert [third[name] for name in ours] == ["", "", "no", "0.00", "0.00", "0.00", "not_eligible"]


def test_exported_bookings_can_be_loaded_again(funded: CommandLine, tmp_path: Path) -> None:
    """What one ledger says, another one loads."""
    funded("export", "bookings", CAMPAIGN, "-o", "b.csv").ok()
    answer = funded("load", "b.csv", "--json").ok().json()
    assert (answer["counts"]["unchanged"], answer["counts"]["rejected"]) == (3, 0)


def test_sums_of_all_files_agree(funded: CommandLine, tmp_path: Path) -> None:
    for kind in ("cards", "transactions", "bookings"):
        funded("export", kind, CAMPAIGN, "-o", f"all-{kind}.csv").ok()
    sums = [
        sum(round(float(amount) * 100) for amount in column(tmp_path / f"all-{kind}.csv", name))
        for kind, name in (("cards", "balance"), ("transactions", "amount"), ("bookings", "paid"))
    ]
    assert sums == [6_250] * 3


def test_what_a_spreadsheet_would_run_is_shown_as_text(
    run_in_process: CommandLine, tmp_path: Path, campaigns: Path
) -> None:
    """Ids, names and e-mails like this are not let in; other fields are made safe on the way out."""
    write_bookings(tmp_path / "bookings.csv", booking("B1", tier="=1+1", channel="@SUM(A1)", phone="+48 600 100 200"))
    run_in_process("load", "bookings.csv").ok()
    run_in_process("create", CAMPAIGN).ok()
    run_in_process("export", "bookings", CAMPAIGN, "-o", "b.csv").ok()
    row = only(rows_of(tmp_path / "b.csv"))
    assert (row["tier"], row["channel"], row["phone"]) == ("'=1+1", "'@SUM(A1)", "+48 600 100 200")


# --- Where it goes ---


@pytest.mark.parametrize("kind", COLUMNS)
def test_files_are_private(kind: str, funded: CommandLine, tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        funded("export", kind, CAMPAIGN, "-o", "out.csv").ok()
    finally:
        os.umask(before)
    assert mode_of(tmp_path / "out.csv") == "-rw-------"


@pytest.mark.parametrize("kind", COLUMNS)
def test_an_existing_file_needs_force(kind: str, funded: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "out.csv").write_text("my notes\n")
    (tmp_path / "out.csv").chmod(0o644)
    before = files_in(tmp_path)
    result = funded("export", kind, CAMPAIGN, "-o", "out.csv")
    assert (result.exit, result.stdout) == (2, "")
    assert "out.csv is there already" in result.stderr
    assert "--force" in result.stderr
    assert files_in(tmp_path) == before
    funded("export", kind, CAMPAIGN, "-o", "out.csv", "--force").ok()
    assert ",".join(header_of(tmp_path / "out.csv")) == COLUMNS[kind]
    assert mode_of(tmp_path / "out.csv") == "-rw-------"


@pytest.mark.parametrize("kind", COLUMNS)
def test_never_through_a_symbolic_link(kind: str, funded: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("keep me\n")
    (tmp_path / "out.csv").symlink_to("precious")
    before = files_in(tmp_path)
    result = funded("export", kind, CAMPAIGN, "-o", "out.csv", "--force")
    assert result.exit == 2
    assert "symbolic link" in result.stderr
    assert (files_in(tmp_path), (tmp_path / "out.csv").is_symlink()) == (before, True)


@pytest.mark.parametrize("kind", COLUMNS)
def test_never_over_the_ledger_itself(kind: str, funded: CommandLine, tmp_path: Path) -> None:
    before = files_in(tmp_path)
    result = funded("export", kind, CAMPAIGN, "-o", LEDGER, "--force")
    assert result.exit == 2
    assert "is the ledger itself" in result.stderr
    assert files_in(tmp_path) == before


@pytest.mark.parametrize("kind", NOT_MAIL)
def test_stdout(kind: str, funded: CommandLine, tmp_path: Path) -> None:
    """The file and nothing else; it is the same as in a file."""
    result = funded("export", kind, CAMPAIGN, "-o", "-").ok()
    funded("export", kind, CAMPAIGN, "-o", "out.csv").ok()
    assert result.stdout == (tmp_path / "out.csv").read_text()
    assert result.stderr == ""
    assert not (tmp_path / "-").exists()


@pytest.mark.parametrize("kind", NOT_MAIL)
def test_json_and_the_file_cannot_share_stdout(kind: str, funded: CommandLine, tmp_path: Path) -> None:
    result = funded("export", kind, CAMPAIGN, "-o", "-", "--json")
    assert (result.exit, only(result.json()["errors"])["code"]) == (2, "usage")


def test_mail_is_never_written_to_stdout(funded: CommandLine, tmp_path: Path) -> None:
    before = files_in(tmp_path)
    result = funded("export", "mail", CAMPAIGN, "-o", "-")
    assert (result.exit, result.stdout) == (2, "")
    assert "-o FILE" in result.stderr
    assert files_in(tmp_path) == before


@pytest.mark.parametrize("kind", NOT_MAIL)
def test_json_names_the_file(kind: str, funded: CommandLine, tmp_path: Path) -> None:
    answer = funded("export", kind, CAMPAIGN, "-o", "out.csv", "--json").ok().json()
    file = only(answer["files"])
    assert (file["path"], file["rows"]) == ("out.csv", len(rows_of(tmp_path / "out.csv")))
    assert file["sha256"] == hashlib.sha256((tmp_path / "out.csv").read_bytes()).hexdigest()
    assert answer["counts"] == {"rows": file["rows"]}
    assert answer["campaign"] == CAMPAIGN


@pytest.mark.parametrize("kind", NOT_MAIL)
def test_reading_exports_change_nothing_in_the_ledger(kind: str, funded: CommandLine, tmp_path: Path) -> None:
    before = (tmp_path / LEDGER).read_bytes()
    funded("export", kind, CAMPAIGN, "-o", "out.csv").ok()
    assert (tmp_path / LEDGER).read_bytes() == before


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["invoices", CAMPAIGN, "-o", "x.csv"], "invoices"),
        (["mail", CAMPAIGN], "--output"),
        (["mail"], "CAMPAIGN"),
        (["cards", CAMPAIGN, "-o", "x.csv", "--all"], "--all"),
        (["mail", CAMPAIGN, "-o", "x.csv", "--tool", "pigeon"], "--tool"),
    ],
)
def test_wrong_usage(argv: list[str], words: str, funded: CommandLine, tmp_path: Path) -> None:
    before = files_in(tmp_path)
    result = funded("export", *argv)
    assert (result.exit, result.stdout) == (2, "")
    assert words in only(result.stderr.splitlines())
    assert files_in(tmp_path) == before


@pytest.mark.parametrize("kind", COLUMNS)
def test_an_unknown_campaign_is_refused(kind: str, funded: CommandLine, tmp_path: Path) -> None:
    result = funded("export", kind, "hotel-refunds", "-o", "x.csv", "--json")
    assert (result.exit, result.json()["status"]) == (4, "refused")
    error = only(result.json()["errors"])
    assert error["code"] == "resource_not_found"
    assert "no campaign hotel-refunds in refunds.db" in error["message"]
    assert not (tmp_path / "x.csv").exists()
    # Only `mail` writes to the ledger, so only its attempt is on record.
    statuses = [entry["status"] for entry in funded("runs", "--json").ok().json()["runs"]]
    assert statuses.count("refused") == (1 if kind == "mail" else 0)


@pytest.mark.parametrize("kind", NOT_MAIL)
def test_an_earlier_export_is_overwritten(kind: str, funded: CommandLine, tmp_path: Path) -> None:
    """It begins with the same header line, so it is no foreign file."""
    funded("export", kind, CAMPAIGN, "-o", "out.csv").ok()
    rows = rows_of(tmp_path / "out.csv")
    (tmp_path / "out.csv").write_text(COLUMNS[kind] + "\n")
    funded("export", kind, CAMPAIGN, "-o", "out.csv").ok()
    assert rows_of(tmp_path / "out.csv") == rows
    other = next(name for name in NOT_MAIL if name != kind)
    before = files_in(tmp_path)
    assert funded("export", other, CAMPAIGN, "-o", "out.csv").exit == 2
    assert files_in(tmp_path) == before


def test_mail_keeps_the_file_of_the_hand_over_before(funded: CommandLine, tmp_path: Path) -> None:
    answer = funded("export", "mail", CAMPAIGN, "-o", "mail.csv", "--json").ok().json()
    first = (tmp_path / "mail.csv").read_text()
    write_bookings(tmp_path / "june.csv", booking("B4"))
    funded("load", "june.csv").ok()
    for command in ("publish", "topup"):
        funded(command, CAMPAIGN).ok()
    funded("export", "mail", CAMPAIGN, "-o", "mail.csv").ok()
    assert column(tmp_path / "mail.csv", "booking_id") == ["B4"]
    assert (tmp_path / f"mail-run{answer['run_id']}.csv").read_text() == first


def test_mail_that_was_changed_since_is_not_overwritten(funded: CommandLine, tmp_path: Path) -> None:
    funded("export", "mail", CAMPAIGN, "-o", "mail.csv").ok()
    with (tmp_path / "mail.csv").open("a") as file:
        file.write("my,notes\n")
    before = files_in(tmp_path)
    result = funded("export", "mail", CAMPAIGN, "-o", "mail.csv", "--all", "--json")
    assert (result.exit, only(result.json()["errors"])["code"]) == (2, "file_exists")
    assert files_in(tmp_path) == before
    funded("export", "mail", CAMPAIGN, "-o", "mail.csv", "--all", "--force").ok()
    assert column(tmp_path / "mail.csv", "booking_id") == ["B1"]


def test_a_folder_that_is_not_there(funded: CommandLine, tmp_path: Path) -> None:
    for kind in COLUMNS:
        result = funded("export", kind, CAMPAIGN, "-o", "nowhere/out.csv")
        if kind == "mail":  # a folder for what is handed over is made
            assert (result.exit, mode_of(tmp_path / "nowhere")) == (0, "drwx------")
            (tmp_path / "nowhere" / "out.csv").unlink()
            (tmp_path / "nowhere").rmdir()
        else:
            assert result.exit == 74
            assert "nowhere/out.csv" in only(result.stderr.splitlines())


# --- Mail: each credit once ---


def test_mail_is_handed_over_once(funded: CommandLine, tmp_path: Path) -> None:
    answer = funded("export", "mail", CAMPAIGN, "-o", "first.csv", "--json").ok().json()
    assert (answer["counts"], answer["totals"]) == (
        {"rows": 1, "unreachable": 1},
        {"EUR": {"balance": 1_250, "unreachable": 5_000}},
    )
    before = files_in(tmp_path)
    for name in ("second.csv", "first.csv"):
        again = funded("export", "mail", CAMPAIGN, "-o", name, "--json").ok().json()
        assert (again["run_id"], again["files"]) == (None, [])
    assert files_in(tmp_path) == before
    assert funded("export", "mail", CAMPAIGN, "-o", "second.csv").ok().stdout == "Nothing new to hand over.\n"


def test_only_new_credits_are_handed_over(funded: CommandLine, tmp_path: Path) -> None:
    funded("export", "mail", CAMPAIGN, "-o", "may.csv").ok()
    write_bookings(tmp_path / "june.csv", booking("B4"))
    funded("load", "june.csv").ok()
    funded("publish", CAMPAIGN).ok()
    assert funded("export", "mail", CAMPAIGN, "-o", "june.csv", "--force", "--json").ok().json()["files"] == []
    funded("topup", CAMPAIGN).ok()
    funded("export", "mail", CAMPAIGN, "-o", "mail-june.csv").ok()
    assert column(tmp_path / "mail-june.csv", "booking_id") == ["B4"]


def test_all_writes_everyone_without_handing_over_twice(funded: CommandLine, tmp_path: Path) -> None:
    funded("export", "mail", CAMPAIGN, "-o", "first.csv").ok()
    funded("export", "mail", CAMPAIGN, "-o", "all.csv", "--all").ok()
    assert rows_of(tmp_path / "all.csv") == rows_of(tmp_path / "first.csv")
    funded("export", "mail", CAMPAIGN, "-o", "next.csv").ok()
    assert not (tmp_path / "next.csv").exists()


def test_all_at_first_hands_over_everyone(funded: CommandLine, tmp_path: Path) -> None:
    funded("export", "mail", CAMPAIGN, "-o", "all.csv", "--all").ok()
    assert column(tmp_path / "all.csv", "booking_id") == ["B1"]
    funded("export", "mail", CAMPAIGN, "-o", "next.csv").ok()
    assert not (tmp_path / "next.csv").exists()


def test_cards_without_money_are_not_mailed(run_in_process: CommandLine, tmp_path: Path, campaigns: Path) -> None:
    write_bookings(tmp_path / "bookings.csv", booking("B1"))
    run_in_process("load", "bookings.csv").ok()
    for command in ("create", "publish"):
        run_in_process(command, CAMPAIGN).ok()
    assert run_in_process("export", "mail", CAMPAIGN, "-o", "m.csv", "--json").ok().json()["files"] == []


def test_what_run_handed_over_is_not_exported_again(
    run_in_process: CommandLine, tmp_path: Path, campaigns: Path
) -> None:
    write_bookings(tmp_path / "bookings.csv", booking("B1"))
    run_in_process("run", CAMPAIGN, "bookings.csv", "--out", "out").ok()
    run_in_process("export", "mail", CAMPAIGN, "-o", "m.csv").ok()
    assert not (tmp_path / "m.csv").exists()


def test_each_campaign_has_its_own_mail(run_in_process: CommandLine, tmp_path: Path, campaigns: Path) -> None:
    other = small_campaigns("goodwill", eligible={"status": ["flown"]}).partition("campaigns:\n")[2]
    campaigns.write_text(small_campaigns() + other)
    write_bookings(tmp_path / "bookings.csv", booking("B1"), booking("B2", status="flown"))
    run_in_process("load", "bookings.csv").ok()
    for campaign in (CAMPAIGN, "goodwill"):
        for command in ("create", "publish", "topup"):
            run_in_process(command, campaign).ok()
    for campaign in ("goodwill", CAMPAIGN):
        run_in_process("export", "mail", campaign, "-o", f"{campaign}.csv").ok()
    assert column(tmp_path / "goodwill.csv", "booking_id") == ["B2"]
    assert column(tmp_path / f"{CAMPAIGN}.csv", "booking_id") == ["B1"]


def test_dry_run_of_mail_shows_what_would_be_handed_over(funded: CommandLine, tmp_path: Path) -> None:
    before = files_in(tmp_path)
    dry = funded("export", "mail", CAMPAIGN, "-o", "mail.csv", "-n", "--json").ok().json()
    assert files_in(tmp_path) == before
    real = funded("export", "mail", CAMPAIGN, "-o", "mail.csv", "--json").ok().json()
    assert (dry["counts"], dry["totals"]) == (real["counts"], real["totals"])
