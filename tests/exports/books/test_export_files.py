"""The files for finance and the desk, as the command writes them: their columns to the letter, and true figures."""

import csv
import io
import stat
from pathlib import Path

import pytest

from support.books import BEFORE_RELEASE, LATER, LEDGER, make_full_books, minor, number, read, rows_of
from support.command_line import CAMPAIGN, CommandLine, ThisProcess, small_campaigns

COLUMNS = {
    "cards": "card_id,code,campaign,customer_id,booking_id,state,balance,currency,published_at,expires_on,"
    "redemption_count",
    "transactions": "id,campaign,card_id,type,bucket,amount,balance,currency,booking_id,source_id,reason,"
    "related_transaction_id,run_id,created_at",
    "publications": "card_id,customer_id,booking_id,campaign,published_at,run_id",
    "redemptions": "id,campaign,card_id,customer_id,invoice,amount,paid,bonus,order_total,currency,rolled_back,created_at",
    "bookings": "booking_id,order_amount,currency,refund_id,refund_amount,cash_amount,bonus_amount,customer_id,email,"
    "name,phone,locale,country,status,booked_at,cancelled_at,channel,category,tier,tickets,accepted,marketing_consent,"
    "campaign,card_id,funded,paid,bonus,fee,skipped_reason",
    "mail": "email,name,code,balance,currency,expires_on,booking_id,customer_id,campaign,locale",
}
KINDS = [kind for kind in COLUMNS if kind != "mail"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Full books, with one card per customer, and every export of them."""
    folder = tmp_path_factory.mktemp("exports")
    make_full_books(ThisProcess(folder), folder)
    for kind in KINDS:
        ThisProcess(folder)("export", kind, CAMPAIGN, "-o", f"{kind}.csv", now=LATER).ok()
    ThisProcess(folder)("export", "mail", CAMPAIGN, "-o", "mail.csv", "--all", now=LATER).ok()
    return folder


@pytest.mark.parametrize(("kind", "columns"), COLUMNS.items())
def test_the_columns_are_in_their_order(folder: Path, kind: str, columns: str) -> None:
    assert (folder / f"{kind}.csv").read_text(encoding="utf-8").partition("\n")[0] == columns


@pytest.mark.parametrize("kind", COLUMNS)
def test_files_with_codes_or_people_are_their_owners_alone(folder: Path, kind: str) -> None:
    assert stat.filemode((folder / f"{kind}.csv").stat().st_mode) == "-rw-------"


def test_cards(folder: Path) -> None:
    cards = rows_of(folder / "cards.csv")
    codes = [code for (code,) in read(folder / LEDGER, "SELECT code FROM cards ORDER BY id")]
    assert [tuple(card.values()) for card in cards] == [
        ("c1", codes[0], CAMPAIGN, "ana", "B1;B5", "active", "120.00", "EUR", BEFORE_RELEASE, "2021-06-10", "0"),
        ("c2", codes[1], CAMPAIGN, "bo", "B2;B6", "active", "97.25", "EUR", BEFORE_RELEASE, "2021-06-10", "0"),
        ("c3", codes[2], CAMPAIGN, "cy", "B3", "active", "55.50", "EUR", LATER, "2021-06-10", "0"),
    ]


def test_transactions(folder: Path) -> None:
    said = [
        (row["card_id"], row["booking_id"], row["source_id"], row["amount"], row["balance"], row["created_at"])
        for row in rows_of(folder / "transactions.csv")
    ]
    assert said == [
        ("c1", "B1", "B1", "100.00", "100.00", BEFORE_RELEASE),
        ("c2", "B2", "one", "30.00", "30.00", BEFORE_RELEASE),
        ("c2", "B2", "two", "60.00", "90.00", BEFORE_RELEASE),
        ("c3", "B3", "B3", "55.50", "55.50", LATER),
        ("c1", "B5", "B5", "20.00", "120.00", LATER),
        ("c2", "B6", "B6", "7.25", "97.25", LATER),
    ]
    kinds = {
        (row["type"], row["bucket"], row["currency"], row["reason"]) for row in rows_of(folder / "transactions.csv")
    }
    assert kinds == {("CREDITS_ADDITION", "paid", "EUR", "")}


def test_publications(folder: Path) -> None:
    assert [tuple(row.values()) for row in rows_of(folder / "publications.csv")] == [
        ("c1", "ana", "B1;B5", CAMPAIGN, BEFORE_RELEASE, "4"),
        ("c2", "bo", "B2;B6", CAMPAIGN, BEFORE_RELEASE, "4"),
        ("c3", "cy", "B3", CAMPAIGN, LATER, "9"),
    ]


OTHER_CAMPAIGN = ((1, "ana"), (2, "bo"), (3, "dee"), (4, "eve"))


def test_bookings(folder: Path) -> None:
    said = [
        (
            row["booking_id"],
            row["refund_id"],
            row["customer_id"],
            row["card_id"],
            row["funded"],
            row["paid"],
            row["skipped_reason"],
        )
        for row in rows_of(folder / "bookings.csv")
    ]
    assert said == [
        ("B1", "B1", "ana", "c1", "yes", "100.00", ""),
        ("B2", "one", "bo", "c2", "yes", "30.00", ""),
        ("B2", "two", "bo", "c2", "yes", "60.00", ""),
        ("B3", "B3", "cy", "c3", "yes", "55.50", ""),
        ("B4", "B4", "dee", "", "no", "0.00", "not_eligible"),
        ("B5", "B5", "ana", "c1", "yes", "20.00", ""),
        ("B6", "B6", "bo", "c2", "yes", "7.25", ""),
        *((f"P{number}", f"P{number}", who, "", "no", "0.00", "funded_elsewhere") for number, who in OTHER_CAMPAIGN),
    ]


def test_mail(folder: Path) -> None:
    """Cy has no address."""
    said = [(row["email"], row["balance"], row["booking_id"]) for row in rows_of(folder / "mail.csv")]
    assert said == [("ana@example.com", "120.00", "B1;B5"), ("bo@example.com", "97.25", "B2;B6")]


def test_every_file_comes_to_the_same_sum(folder: Path) -> None:
    sums = {
        "cards": sum(minor(row["balance"]) for row in rows_of(folder / "cards.csv")),
        "transactions": sum(minor(row["amount"]) for row in rows_of(folder / "transactions.csv")),
        "bookings": sum(minor(row["paid"]) for row in rows_of(folder / "bookings.csv")),
        "ledger": number(folder / LEDGER, "SELECT sum(amount_minor) FROM transactions WHERE campaign = 1"),
    }
    assert sums == dict.fromkeys(sums, 27_275)


@pytest.mark.parametrize("kind", KINDS)
def test_standard_output_takes_the_same_file(folder: Path, kind: str) -> None:
    result = ThisProcess(folder)("export", kind, CAMPAIGN, "-o", "-", now=LATER).ok()
    assert result.stdout == (folder / f"{kind}.csv").read_text(encoding="utf-8")
    assert result.stderr == ""


@pytest.mark.parametrize("kind", COLUMNS)
def test_a_file_that_is_not_the_commands_own_is_left_alone(folder: Path, kind: str, tmp_path: Path) -> None:
    mine = tmp_path / "mine.csv"
    mine.write_text("mine", encoding="utf-8")
    argv = ("export", kind, CAMPAIGN, "-o", str(mine), *(["--all"] if kind == "mail" else []))
    result = ThisProcess(folder)(*argv)
    assert result.exit == 2
    assert "mine.csv is there already" in result.stderr
    assert mine.read_text(encoding="utf-8") == "mine"
    ThisProcess(folder)(*argv, "--force", now=LATER).ok()
    assert mine.read_text(encoding="utf-8").partition("\n")[0] == COLUMNS[kind]


@pytest.mark.parametrize("kind", COLUMNS)
def test_nothing_is_written_through_a_symbolic_link(folder: Path, kind: str, tmp_path: Path) -> None:
    mine, link = tmp_path / "mine.csv", tmp_path / "link.csv"
    mine.write_text("mine", encoding="utf-8")
    link.symlink_to(mine)
    result = ThisProcess(folder)(
        "export", kind, CAMPAIGN, "-o", link, "--force", *(["--all"] if kind == "mail" else [])
    )
    assert result.exit == 2
    assert "symbolic link" in result.stderr
    assert mine.read_text(encoding="utf-8") == "mine"


def test_mail_is_never_for_standard_output(folder: Path) -> None:
    assert ThisProcess(folder)("export", "mail", CAMPAIGN, "-o", "-").exit == 2


@pytest.mark.parametrize("kind", COLUMNS)
def test_a_campaign_that_is_not_there_leaves_no_file(folder: Path, kind: str) -> None:
    result = ThisProcess(folder)("export", kind, "no-such", "-o", "new.csv", "--json")
    assert (result.exit, result.json()["errors"][0]["code"]) == (4, "resource_not_found")
    assert not (folder / "new.csv").exists()


def test_a_campaign_without_cards_is_a_header_only(run_in_process: CommandLine, campaigns: Path) -> None:
    assert campaigns.exists()
    run_in_process("create", CAMPAIGN).ok()
    result = run_in_process("export", "cards", CAMPAIGN, "-o", "-").ok()
    assert result.stdout == f"{COLUMNS['cards']}\n"


def test_cells_are_what_a_csv_reader_reads_and_a_spreadsheet_does_not_run(
    run_in_process: CommandLine, tmp_path: Path, campaigns: Path
) -> None:
    assert campaigns.exists()
    row = {
        "booking_id": 'B,1"x"',
        "customer_id": "C 'n' D",
        "email": "o'neil@example.com",
        "name": 'Ana "A, B" Ö',
        "phone": "+48 600 100 200",
        "order_amount": "12.50",
        "currency": "EUR",
        "status": "Cancelled",
        "channel": "-web",
        "category": "=1+1",
    }
    text = io.StringIO()
    csv.writer(text).writerows([row.keys(), row.values()])
    (tmp_path / "odd.csv").write_text(text.getvalue(), encoding="utf-8")
    run_in_process("run", CAMPAIGN, "odd.csv", "--out", "out").ok()
    run_in_process("export", "bookings", CAMPAIGN, "-o", "bookings.csv").ok()
    [booking] = rows_of(tmp_path / "bookings.csv")
    assert booking["booking_id"] == row["booking_id"]
    assert (booking["name"], booking["phone"]) == (row["name"], row["phone"])
    assert booking["category"] in {"'=1+1", "=1+1"[1:]}
    assert booking["channel"].lstrip("'") == "-web"
    [mail] = rows_of(tmp_path / "out" / "mail.csv")
    assert (mail["name"], mail["booking_id"], mail["customer_id"]) == (
        row["name"],
        row["booking_id"],
        row["customer_id"],
    )


@pytest.mark.parametrize(
    ("currency", "amount"), [("JPY", "1250"), ("EUR", "12.50"), ("KWD", "1.250"), ("CLF", "0.1250")]
)
def test_amounts_have_their_currencys_decimals(
    run_in_process: CommandLine, tmp_path: Path, campaigns: Path, currency: str, amount: str
) -> None:
    campaigns.write_text(small_campaigns(currency=currency), encoding="utf-8")
    (tmp_path / "b.csv").write_text(
        f"booking_id,customer_id,email,order_amount,currency,status\nB1,a,a@example.com,{amount},{currency},cancelled\n"
    )
    run_in_process("run", CAMPAIGN, "b.csv", "--out", "out").ok()
    assert number(tmp_path / LEDGER, "SELECT amount_minor FROM transactions") == 1250
    [mail] = rows_of(tmp_path / "out" / "mail.csv")
    assert (mail["balance"], mail["currency"]) == (amount, currency)
    for kind, column in (("cards", "balance"), ("transactions", "amount"), ("bookings", "paid")):
        run_in_process("export", kind, CAMPAIGN, "-o", f"{kind}.csv").ok()
        assert rows_of(tmp_path / f"{kind}.csv")[0][column] == amount


def test_an_expired_card_says_so(run_in_process: CommandLine, tmp_path: Path, campaigns: Path) -> None:
    assert campaigns.exists()
    (tmp_path / "b.csv").write_text(
        "booking_id,customer_id,email,order_amount,currency,status\nB1,a,a@example.com,5.00,EUR,cancelled\n"
    )
    run_in_process("run", CAMPAIGN, "b.csv", "--out", "out", now=BEFORE_RELEASE).ok()
    states = {}
    # Warsaw is two hours ahead: its first of May 2021 ends at 22:00 UTC.
    for now in ("2021-05-01T21:59:59Z", "2021-05-01T22:00:00Z"):
        run_in_process("export", "cards", CAMPAIGN, "-o", "cards.csv", "--force", now=now).ok()
        states[now] = rows_of(tmp_path / "cards.csv")[0]["state"]
    assert list(states.values()) == ["active", "expired"]


def test_an_export_is_no_run_and_leaves_the_ledger_alone(folder: Path) -> None:
    before = (folder / LEDGER).read_bytes()
    for kind in KINDS:
        ThisProcess(folder)("export", kind, CAMPAIGN, "-o", "-", now=LATER).ok()
    assert (folder / LEDGER).read_bytes() == before


def test_no_code_stands_in_a_file_that_is_not_made_to_carry_it(folder: Path) -> None:
    codes = {code for (code,) in read(folder / LEDGER, "SELECT code FROM cards")}
    carrying = {
        path.name
        for path in folder.rglob("*.*")
        if path.is_file() and any(code.encode() in path.read_bytes() for code in codes)
    }
    assert carrying == {"cards.csv", "mail.csv", "again.csv", "printed.csv", LEDGER}
