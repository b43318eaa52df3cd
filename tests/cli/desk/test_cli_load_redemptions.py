"""refundctl load-redemptions, on a real ledger: what a till that works on its own has sold comes in, once and whole."""

import gzip
import hashlib
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from refundctl.ledger.desk.card_details import refused_redemptions_open
from support.books import everything, read
from support.command_line import CAMPAIGN, CommandResult
from support.data.packed_files import workbook, zipped
from support.desks.bookings_desk import booking, column, counts, csv_text, files_in, mode_of, only, rows_of
from support.desks.sealed_runs import sealed_run
from support.desks.till import Till

MONDAY = "2020-05-04T12:00:00Z"
HEADER = "card_id,amount,invoice,customer_id,order_total,redeemed_at,currency\n"
SALES = (
    HEADER
    + "c1,45.50,T-1,C-B1,80.00,2020-05-02T10:00:00+02:00,EUR\n"
    + "c2,20.00,T-2,C-B2,,2020-05-02,\n"
    + "c1,4.50,T-3,C-B1,,,\n"
)


@pytest.fixture
def till(tmp_path: Path) -> Till:
    """c1 of C-B1 with 100.00 paid and 30.00 bonus, c2 of C-B2 with 50.00; it is Monday."""
    return opened(tmp_path)


#: Ledgers as opened() has made them: many tests begin with the same.
_OPENED: dict[str, bytes] = {}


def opened(folder: Path, **keys: Any) -> Till:
    till = Till(folder)
    till.say(**keys)
    kind = repr(keys)
    if kind not in _OPENED:
        till.fund(booking("B1", "100.00", bonus_amount="30.00"), booking("B2", "50.00"))
        _OPENED[kind] = till.ledger.read_bytes()
    till.ledger.write_bytes(_OPENED[kind])
    till.now = MONDAY
    return till


def load(till: Till, text: str | bytes, *options: str, name: str = "till.csv") -> CommandResult:
    """`refundctl load-redemptions --json` of a file with this content."""
    (till.folder / name).write_bytes(text.encode() if isinstance(text, str) else text)
    return till.call("load-redemptions", name, *options, "--json")


def row(till: Till, **cells: str) -> tuple[str, str, str]:
    """Field, code and reason of a row that is rejected; `cells` are written over those of a good one."""
    good = {"card_id": "c1", "amount": "10.00", "invoice": "T-9", "customer_id": "C-B1"}
    before = till.balance()
    result = load(till, csv_text({**good, **cells}))
    assert (result.exit, result.json()["counts"]) == (3, counts(rejected=1))
    assert till.balance() == before
    rejected = only(rows_of(till.folder / "till.rejects.csv"))
    (till.folder / "till.rejects.csv").unlink()
    till.show_no_code(result)
    return rejected["_field"], rejected["_code"], rejected["_reason"]


def redemptions(till: Till) -> list[tuple[str, str, int, str | None]]:
    """Card, invoice, minor units and moment of each."""
    return read(
        till.ledger,
        """
        SELECT 'c' || redemptions.card, invoice, -sum(amount_minor), redeemed_at
        FROM redemptions JOIN transactions ON redemptions.id IN (transactions.id, related_transaction)
        GROUP BY redemptions.id ORDER BY redemptions.id
        """,
    )


def refused(till: Till) -> list[tuple[str, str, int, str]]:
    """Card, invoice, minor units and code of all that a till was ever refused."""
    return read(
        till.ledger,
        "SELECT 'c' || card, invoice, amount_minor, error_code FROM refused_redemptions ORDER BY 1, 2, 3, 4",
    )


def still_open(till: Till, **where: int) -> list[Mapping[str, Any]]:
    with closing(sqlite3.connect(till.ledger)) as connection:
        return list(refused_redemptions_open(connection, **where))


# --- What becomes of rows ---


def test_sales_are_taken_in(till: Till) -> None:
    result = load(till, SALES)
    answer = result.json()
    assert result.exit == 0
    assert answer == {
        "schema_version": 1,
        "command": "load-redemptions",
        "status": "ok",
        "run_id": 5,
        "campaign": None,
        "counts": counts(loaded=3),
        "totals": {"EUR": {"redeemed": 7000, "paid": 4000, "bonus": 3000}},
        "files": [{"path": "till.csv", "rows": 3, "sha256": hashlib.sha256(SALES.encode()).hexdigest()}],
        "rejected_by_code": {},
        "errors": [],
    }
    assert redemptions(till) == [
        ("c1", "T-1", 4550, "2020-05-02T08:00:00Z"),
        ("c2", "T-2", 2000, "2020-05-02T10:00:00Z"),
        ("c1", "T-3", 450, None),
    ]
    assert (till.balance("c1"), till.balance("c2")) == ({"paid": 8000}, {"paid": 3000})
    assert read(till.ledger, "SELECT customer, order_total_minor, pin FROM redemptions ORDER BY id") == [
        (1, 8000, None),
        (2, None, None),
        (1, None, None),
    ]
    [(command, arguments)] = read(till.ledger, "SELECT command, arguments FROM runs WHERE id = 5")
    assert (command, arguments) == ("load-redemptions", '{"encoding":null,"files":["till.csv"],"strict":false}')
    till.call("verify").ok()


def test_a_person_reads_the_same(till: Till) -> None:
    (till.folder / "till.csv").write_text(SALES + "c2,500.00,T-4,C-B2,,,\nc9,5.00,T-5,C-B9,,,\n")
    result = till.call("load-redemptions", "till.csv")
    assert (result.exit, result.stderr) == (3, "")
    assert result.stdout.splitlines() == [
        "Loaded 3 of 5 redemptions.",
        "  loaded    3",
        "  rejected  2 (1 above the balance, 1 no such card)",
        "  redeemed  EUR 70.00, of it EUR 30.00 bonus",
        "Look into the rejected rows in till.rejects.csv; once they are fixed, load that file.",
    ]
    again = till.call("load-redemptions", "till.csv", "--quiet")
    assert (again.exit, again.stdout.splitlines()[:2]) == (3, ["Loaded 0 of 5 redemptions.", "  unchanged  3"])


def test_codes_name_cards_as_ids_do(till: Till) -> None:
    """Case, spaces and dashes make no difference; where both stand in a row, they are of one card."""
    one, two = till.code("c1"), till.code("c2").replace("-", " ").lower()
    text = f"code,card_id,amount,invoice,customer_id\n{one},,1,T-1,C-B1\n{two},c2,2,T-2,C-B2\n,C1,3,T-3,C-B1\nc2,,4,T-4,C-B2\n"
    result = load(till, text)
    assert (result.exit, result.json()["counts"]) == (0, counts(loaded=4))
    assert (till.balance("c1"), till.balance("c2")) == ({"paid": 10000, "bonus": 2600}, {"paid": 4400})
    till.show_no_code(result)


def test_the_same_file_again_changes_nothing_and_leaves_no_run(till: Till) -> None:
    load(till, SALES)
    before = everything(till.ledger)
    answer = load(till, SALES).json()
    assert (answer["counts"], answer["run_id"], answer["totals"]) == (counts(unchanged=3), None, {})
    assert everything(till.ledger) == before


@pytest.mark.parametrize(
    "again",
    [
        lambda text: text.replace(b"\n", b"\r\n"),
        lambda text: b"\xef\xbb\xbf" + text,
        lambda text: text.replace(b",", b";"),
        lambda text: text.replace(b",", b"\t"),
        lambda text: text.decode().encode("utf-16"),
        lambda text: b"".join([text.splitlines(True)[0], *reversed(text.splitlines(True)[1:])]),
        lambda text: text + text.split(b"\n", 1)[1],
        lambda text: text.replace(b"45.50", b"EUR 45.5").replace(b"card_id", b"Card_ID").replace(b",80.00,", b",,"),
        gzip.compress,
        lambda text: zipped({"till.csv": text}),
        lambda text: workbook([line.split(",") for line in text.decode().splitlines()]),
    ],
    ids=[
        "CRLF",
        "BOM",
        "semicolons",
        "tabs",
        "UTF-16",
        "backwards",
        "each row twice",
        "other words",
        "gzip",
        "zip",
        "xlsx",
    ],
)
def test_the_same_sales_in_other_clothes(again: Callable[[bytes], bytes], till: Till) -> None:
    """They come in as well, and change nothing after that."""
    first = load(till, again(SALES.encode()))
    rows = first.json()["counts"]["rows"]
    assert (first.exit, first.json()["counts"]) == (0, counts(loaded=3, unchanged=rows - 3))
    assert first.json()["totals"] == {"EUR": {"redeemed": 7000, "paid": 4000, "bonus": 3000}}
    assert load(till, SALES, name="again.csv").json()["counts"] == counts(unchanged=3)


def test_a_known_sale_stays_known_after_a_rollback(till: Till) -> None:
    load(till, SALES)
    transaction = only(read(till.ledger, "SELECT id FROM redemptions WHERE invoice = 'T-2'"))[0]
    till.call("card", "rollback", str(transaction)).ok()
    assert load(till, SALES).json()["counts"] == counts(unchanged=3)
    assert till.balance("c2") == {"paid": 5000}


def test_a_sale_at_the_desk_is_known_too(till: Till) -> None:
    till.redeem(invoice="T-1", amount="45.50").ok()
    assert load(till, SALES).json()["counts"] == counts(loaded=2, unchanged=1)


def test_a_sale_of_a_card_that_was_replaced_is_known_for_its_successor(till: Till) -> None:
    load(till, SALES)
    sealed_run(till.folder, "card transfer", "INSERT INTO transfers (card, successor, run_id) VALUES (1, 2, :run)")
    successor = csv_text(
        {"card_id": "c2", "amount": "45.50", "invoice": "T-1", "customer_id": "C-B2"},
        {"card_id": "c1", "amount": "4.50", "invoice": "T-3", "customer_id": "C-B1"},
    )
    assert load(till, successor).json()["counts"] == counts(unchanged=2)
    assert row(till, card_id="c2", invoice="T-3", customer_id="C-B2")[:2] == ("invoice", "invoice_already_used")
    assert row(till, invoice="T-7")[:2] == ("card_id", "voucher_not_active")


def test_another_amount_for_a_known_invoice_is_rejected(till: Till) -> None:
    load(till, SALES)
    number = only(read(till.ledger, "SELECT id FROM redemptions WHERE invoice = 'T-1'"))[0]
    field, code, reason = row(till, invoice="T-1", amount="45.51")
    assert (field, code) == ("invoice", "invoice_already_used")
    assert reason == (
        f"Invoice T-1 was paid with card c1 before, by transaction {number}, with EUR 45.50 and not EUR 45.51: check which "
        "is right."
    )
    assert refused(till) == [("c1", "T-1", 4551, "invoice_already_used")]
    till.call("verify").ok()


def test_an_invoice_may_be_paid_with_two_cards(till: Till) -> None:
    text = "card_id,amount,invoice,customer_id\nc1,10,T-1,C-B1\nc2,10,T-1,C-B2\n"
    assert load(till, text).json()["counts"] == counts(loaded=2)


# --- The order of rows ---


def test_the_earlier_sale_wins_wherever_it_stands(till: Till) -> None:
    text = (
        "card_id,amount,invoice,customer_id,redeemed_at\n"
        "c2,40.00,T-2,C-B2,2020-05-02T10:00:01Z\n"
        "c2,30.00,T-1,C-B2,2020-05-02T12:00:00+02:00\n"
    )
    result = load(till, text)
    assert (result.exit, result.json()["rejected_by_code"]) == (3, {"gift_amount_exceeded": 1})
    assert redemptions(till) == [("c2", "T-1", 3000, "2020-05-02T10:00:00Z")]
    assert refused(till) == [("c2", "T-2", 4000, "gift_amount_exceeded")]


def test_of_sales_at_one_moment_the_lower_invoice_then_the_lower_amount_wins(till: Till) -> None:
    text = (
        "card_id,amount,invoice,customer_id\n"
        "c2,26.00,T-2,C-B2\n"
        "c2,26.00,T-1,C-B2\n"
        "c2,25.00,T-1,C-B2\n"
        "c2,25.00,T-3,C-B2\n"
    )
    result = load(till, text)
    assert result.json()["rejected_by_code"] == {"gift_amount_exceeded": 1, "invoice_already_used": 1}
    assert redemptions(till) == [("c2", "T-1", 2500, None), ("c2", "T-3", 2500, None)]
    till.call("verify").ok()


def test_sales_of_several_files_are_put_in_one_order(till: Till) -> None:
    (till.folder / "b.csv").write_text("card_id,amount,invoice,customer_id,redeemed_at\nc2,30,T-1,C-B2,2020-05-02\n")
    text = "invoice;redeemed_at;amount;customer_id;card_id\nT-2;2020-05-03;30;C-B2;c2\nT-1;2020-05-02;30;C-B2;c2\n"
    result = load(till, text, "b.csv")
    assert result.json()["counts"] == counts(loaded=1, unchanged=1, rejected=1)
    assert [(file["path"], file["rows"]) for file in result.json()["files"]] == [
        ("till.csv", 2),
        ("b.csv", 1),
        ("till.rejects.csv", 1),
    ]
    assert redemptions(till) == [("c2", "T-1", 3000, "2020-05-02T10:00:00Z")]


# --- What a rule refuses ---


def test_an_overdraft_is_a_reject_and_stays_visible(till: Till) -> None:
    assert row(till, amount="130.01") == (
        "amount",
        "gift_amount_exceeded",
        "Card c1 holds EUR 130.00: take at most that, not EUR 130.01.",
    )
    [found] = still_open(till)
    assert found == {
        "card_id": "c1",
        "campaign": CAMPAIGN,
        "invoice": "T-9",
        "amount": 13001,
        "currency": "EUR",
        "code": "gift_amount_exceeded",
        "run_id": 5,
        "created_at": MONDAY,
    }
    assert still_open(till, card=1, campaign=1) == [found]
    assert (still_open(till, card=2), still_open(till, campaign=2)) == ([], [])
    [(run,)] = read(till.ledger, "SELECT status || counts FROM run_outcomes WHERE run_id = 5")
    assert run == 'partial{"filtered":0,"loaded":0,"rejected":1,"rows":1,"unchanged":0,"updated":0}'
    till.call("verify").ok()


def test_what_was_refused_is_kept_once(till: Till) -> None:
    """Loaded again it is rejected again, but nothing is added, not even a run."""
    text = "card_id,amount,invoice,customer_id\nc1,131,T-1,C-B1\nc1,131,T-1,C-B1\nc1,132,T-1,C-B1\nc1,131,T-1,C-B2\n"
    first = load(till, text)
    assert first.json()["rejected_by_code"] == {"customer_rules_violated": 1, "gift_amount_exceeded": 3}
    kept = [
        ("c1", "T-1", 13100, "customer_rules_violated"),
        ("c1", "T-1", 13100, "gift_amount_exceeded"),
        ("c1", "T-1", 13200, "gift_amount_exceeded"),
    ]
    assert refused(till) == kept
    before, rejects = everything(till.ledger), (till.folder / "till.rejects.csv").read_bytes()
    again = load(till, text)
    assert (again.exit, again.json()["run_id"], again.json()["counts"]) == (3, None, counts(rejected=4))
    assert everything(till.ledger) == before
    assert (till.folder / "till.rejects.csv").read_bytes() == rejects
    assert load(till, text + "c1,133,T-1,C-B1\n").json()["run_id"] == 6
    assert [*kept, ("c1", "T-1", 13300, "gift_amount_exceeded")] == refused(till)


def test_what_was_refused_is_settled_by_a_later_purchase_with_that_invoice(till: Till) -> None:
    load(till, "card_id,amount,invoice,customer_id\nc1,131,T-1,C-B1\nc1,132,T-2,C-B1\n")
    assert [one["invoice"] for one in still_open(till)] == ["T-1", "T-2"]
    till.redeem(invoice="T-1", amount="50").ok()
    assert [one["invoice"] for one in still_open(till)] == ["T-2"]


def test_it_is_settled_by_one_of_the_same_file_or_with_the_card_that_replaces_it(till: Till) -> None:
    text = (
        "card_id,amount,invoice,customer_id,redeemed_at\n"
        "c1,131,T-1,C-B1,2020-05-02\nc1,13,T-1,C-B1,2020-05-03\nc1,14,T-1,C-B1,2020-05-04\nc1,132,T-2,C-B1,\n"
    )
    load(till, text)
    still = [("T-1", 1400, "invoice_already_used"), ("T-2", 13200, "gift_amount_exceeded")]
    assert [(one["invoice"], one["amount"], one["code"]) for one in still_open(till)] == still
    sealed_run(till.folder, "card transfer", "INSERT INTO transfers (card, successor, run_id) VALUES (1, 2, :run)")
    till.redeem(card="c2", invoice="T-2", customer="C-B2").ok()
    assert [(one["invoice"], one["amount"], one["code"]) for one in still_open(till)] == still[:1]


def test_only_the_holder_may_have_bought(till: Till) -> None:
    assert row(till, customer_id="C-B2") == (
        "customer_id",
        "customer_rules_violated",
        "Card c1 belongs to another customer: only its holder may redeem it.",
    )
    assert row(till, customer_id="nobody")[:2] == ("customer_id", "customer_rules_violated")
    assert row(till, customer_id="")[2] == "Only the holder of card c1 may redeem it: name who buys in `customer_id`."


def test_where_anyone_may_redeem_a_file_needs_no_customers(tmp_path: Path) -> None:
    till = opened(tmp_path, redeemable_by="anyone", invoice="optional")
    text = "card_id,amount,invoice\nc1,10,T-1\n"
    assert load(till, text).json()["counts"] == counts(loaded=1)
    assert row(till, invoice="")[:2] == ("invoice", "missing_value")


def test_order_totals_are_looked_at(tmp_path: Path) -> None:
    till = opened(tmp_path, minimum_order="30.00")
    assert row(till, order_total="29.99")[:2] == ("order_total", "order_rules_violated")
    assert row(till, order_total="")[2] == (
        f"{CAMPAIGN} takes its cards for orders of EUR 30.00 and above: name the order's total in `order_total`."
    )
    assert row(till, order_total="31", amount="31.01")[:2] == ("order_total", "order_rules_violated")
    text = "card_id,amount,invoice,customer_id,order_total\nc1,30,T-1,C-B1,30\n"
    assert load(till, text).json()["counts"] == counts(loaded=1)


def test_a_pause_refuses_what_is_new_only(till: Till) -> None:
    load(till, SALES)
    till.call("pause", CAMPAIGN).ok()
    assert load(till, SALES).json()["counts"] == counts(unchanged=3)
    assert row(till)[:2] == ("card_id", "campaign_paused")
    till.call("resume", CAMPAIGN).ok()
    assert load(till, "card_id,amount,invoice,customer_id\nc1,10,T-9,C-B1\n").json()["counts"] == counts(loaded=1)
    assert still_open(till) == []


@pytest.mark.parametrize(("event", "code"), [("disable", "voucher_disabled"), ("deactivate", "voucher_not_active")])
def test_a_blocked_card_is_refused(till: Till, event: str, code: str) -> None:
    till.call("card", event, "c1").ok()
    assert row(till)[:2] == ("card_id", code)
    assert [one["code"] for one in still_open(till)] == [code]


def test_a_pin_was_the_tills_business(till: Till) -> None:
    (till.folder / "pin").write_text("2468\n")
    till.call("card", "set-pin", "c1", "--pin-file", "pin").ok()
    assert load(till, SALES).json()["counts"] == counts(loaded=3)
    till.call("verify").ok()


# --- When it was ---


def test_each_sale_is_judged_by_its_own_time(till: Till) -> None:
    """The cards' last valid day is 2021-05-01: what was bought on it may come in later."""
    till.now = "2021-05-04T12:00:00Z"
    assert row(till, redeemed_at="2021-05-02T00:00:00+02:00")[:2] == ("redeemed_at", "voucher_expired")
    assert row(till, redeemed_at="2021-05-02")[:2] == ("redeemed_at", "voucher_expired")
    assert row(till)[:2] == ("redeemed_at", "voucher_expired")
    text = (
        "card_id,amount,invoice,customer_id,redeemed_at\n"
        "c1,1,T-1,C-B1,2021-05-01T23:59:59+02:00\nc1,2,T-2,C-B1,2021-05-01T21:59:59Z\nc1,3,T-3,C-B1,2021-05-01\n"
        "c1,4,T-4,C-B1,2021-05-01 23:59:59\n"
    )
    assert load(till, text).json()["counts"] == counts(loaded=4)
    till.call("verify").ok()


def test_hours_are_held_against_a_time_but_not_against_a_day(tmp_path: Path) -> None:
    """Cards are valid from 18:00 to 20:00 in Warsaw on weekdays: nobody knows at what hour of Friday it was."""
    hours = {"daily": [{"start_time": "18:00", "expiration_time": "20:00"}]}
    till = opened(tmp_path, validity_day_of_week=[1, 2, 3, 4, 5], validity_hours=hours)
    assert row(till, redeemed_at="2020-05-01T14:00:00+02:00")[:2] == ("redeemed_at", "outside_validity_timeframe")
    assert row(till, redeemed_at="2020-05-02")[:2] == ("redeemed_at", "outside_validity_timeframe")
    text = (
        "card_id,amount,invoice,customer_id,redeemed_at\nc1,1,T-1,C-B1,2020-05-01\nc1,2,T-2,C-B1,2020-05-01T19:59:00\n"
    )
    assert load(till, text).json()["counts"] == counts(loaded=2)
    assert [moment for *_, moment in redemptions(till)] == ["2020-05-01T16:00:00Z", "2020-05-01T17:59:00Z"]


@pytest.mark.parametrize(
    "moment", ["2020-05-04T12:00:01Z", "2020-05-04T14:00:01+02:00", "2020-05-04T14:00:01", "2020-05-05"]
)
def test_what_is_still_to_come_is_rejected(till: Till, moment: str) -> None:
    assert row(till, redeemed_at=moment) == (
        "redeemed_at",
        "malformed_date",
        "redeemed_at is still to come; check the till's clock, or leave it blank for now",
    )
    assert refused(till) == []


@pytest.mark.parametrize("moment", ["2020-05-04T12:00:00Z", "2020-05-04T14:00:00", "2020-05-04"])
def test_now_and_today_are_not(till: Till, moment: str) -> None:
    text = f"card_id,amount,invoice,customer_id,redeemed_at\nc1,1,T-1,C-B1,{moment}\n"
    assert load(till, text).json()["counts"] == counts(loaded=1)


def test_nothing_was_bought_with_a_card_before_it_was_made(till: Till) -> None:
    """A till whose clock fell back, which would make an expired card valid again; one that is slow is believed."""
    assert row(till, redeemed_at="2020-04-29T23:59:59Z") == (
        "redeemed_at",
        "malformed_date",
        "redeemed_at is before the card was made; check the till's clock, or leave it blank for now",
    )
    assert refused(till) == []
    till.call("card", "transfer", "c1", now="2020-05-03T12:00:00Z").ok()
    successor = read(till.ledger, "SELECT 'c' || max(id) FROM cards")[0][0]
    text = f"card_id,amount,invoice,customer_id,redeemed_at\n{successor},1,T-1,C-B1,2020-05-01T11:00:00Z\n"
    assert load(till, text).json()["counts"] == counts(loaded=1)


# --- Rows that can't be read ---


@pytest.mark.parametrize(
    ("cells", "field", "code"),
    [
        ({"amount": ""}, "amount", "missing_value"),
        ({"amount": "0"}, "amount", "amount_not_positive"),
        ({"amount": "-5"}, "amount", "amount_not_positive"),
        ({"amount": "1.005"}, "amount", "too_many_decimals"),
        ({"amount": "ten"}, "amount", "malformed_amount"),
        ({"amount": "USD 5"}, "amount", "currency_mismatch"),
        ({"amount": "£5"}, "amount", "currency_mismatch"),
        ({"currency": "USD"}, "currency", "currency_mismatch"),
        ({"currency": "EURO"}, "currency", "unknown_currency"),
        ({"order_total": "0"}, "order_total", "amount_not_positive"),
        ({"invoice": "   "}, "invoice", "missing_value"),
        ({"invoice": "x" * 101}, "invoice", "value_too_long"),
        ({"invoice": "=1+1"}, "invoice", "formula"),
        ({"invoice": "a\x07b"}, "invoice", "control_characters"),
        ({"invoice": "1.2E+15"}, "invoice", "malformed_id"),
        ({"invoice": "4111 1111 1111 1111"}, "invoice", "payment_card_number"),
        ({"customer_id": "@SUM(A1)"}, "customer_id", "formula"),
        ({"redeemed_at": "02.05.2020"}, "redeemed_at", "malformed_date"),
        ({"redeemed_at": "2020-05-02T25:00:00Z"}, "redeemed_at", "malformed_date"),
        ({"redeemed_at": "0001-01-01"}, "redeemed_at", "malformed_date"),
        ({"redeemed_at": "9999-12-31T23:59:59"}, "redeemed_at", "malformed_date"),
        ({"card_id": ""}, "card_id", "missing_value"),
        ({"card_id": "1"}, "card_id", "malformed_id"),
        ({"card_id": "c999"}, "card_id", "resource_not_found"),
    ],
)
def test_a_row_that_says_nothing_good_is_rejected(till: Till, cells: dict[str, str], field: str, code: str) -> None:
    assert row(till, **cells)[:2] == (field, code)
    assert (refused(till), read(till.ledger, "SELECT count(*) FROM runs")) == ([], [(4,)])


def test_an_amount_in_another_notation_is_not_guessed(till: Till) -> None:
    assert row(till, amount="12,50")[2] == "amount '12,50' is not an amount in EUR; write it like 12.50, digits only"


def test_a_code_is_masked_in_every_reason(till: Till) -> None:
    """The row itself carries it, in the file's own column."""
    wrong = f"{till.code()[:-1]}{'2' if till.code()[-1] == '3' else '3'}"
    reject = row(till, card_id="", code=wrong)
    assert reject == (
        "code",
        "resource_not_found",
        f"code ****{wrong[-4:]} is not the code of a card; check each character",
    )
    assert row(till, card_id="c2", code=till.code()) == (
        "card_id",
        "contradiction",
        "card_id is another card than that of `code`; keep the right one",
    )
    assert row(till, invoice=till.code("c2")) == (
        "invoice",
        "malformed_id",
        "invoice is a card's code; write the number of the invoice",
    )
    assert row(till, card_id=till.code()) == (
        "card_id",
        "malformed_id",
        "card_id is not c and digits; write the card's id, or its code under `code`",
    )


def test_a_code_that_looks_like_one_says_so(tmp_path: Path) -> None:
    till = Till(tmp_path)
    till.say(type="STATIC", weak_codes=True)
    (tmp_path / "codes.csv").write_text("code\nAB0O-1IL7\n")
    till.call("create", CAMPAIGN, "--codes", "codes.csv").ok()
    assert row(till, card_id="", code="ABO0-1IL7") == (
        "code",
        "resource_not_found",
        "code ****1IL7 is not the code of a card, but one looks like it; check whether each 0 is an O, each 1 an I or L",
    )


def test_a_rejects_file_is_its_owners_alone_and_can_be_loaded_once_mended(till: Till) -> None:
    text = f"Till;code;amount;invoice;customer_id\n7;{till.code()};200;T-1;C-B1\n7;{till.code()};10;T-2;C-B1\n8;c2;5\n"
    result = load(till, text)
    assert result.json()["counts"] == counts(loaded=1, rejected=2)
    rejects = till.folder / "till.rejects.csv"
    assert mode_of(rejects) == "-rw-------"
    mark = hashlib.sha256(b"8\x1fc2\x1f5\x1f\x1f").hexdigest()[:8]
    assert rejects.read_text() == (
        "Till;code;amount;invoice;customer_id;_line;_field;_code;_reason\n"
        f"7;{till.code()};200;T-1;C-B1;2;amount;gift_amount_exceeded;Card c1 holds EUR 130.00: take at most that, not "
        "EUR 200.00.\n"
        '8;c2;5;;;4;;wrong_field_count;"the row has 3 fields, the header has 5; put each value under its header, and '
        f'texts with delimiters in quotes (cells {mark})"\n'
    )
    rejects.write_text(rejects.read_text().replace(";200;", ";120;").replace("8;c2;5;;", "8;c2;5;T-3;C-B2"))
    again = till.call("load-redemptions", rejects.name, "--json")
    assert (again.exit, again.json()["counts"]) == (0, counts(loaded=2))
    assert (till.balance("c1"), till.balance("c2")) == ({}, {"paid": 4500})


def test_rejects_go_where_they_are_wanted(till: Till) -> None:
    text = "card_id,amount,invoice\nc1,10,T-1\n"
    assert till.call("load-redemptions", "-", stdin=text).exit == 2
    result = till.call("load-redemptions", "-", "--rejects", "fix.csv", "--json", stdin=text)
    assert (result.exit, result.json()["files"][0]["path"]) == (3, "stdin")
    assert column(till.folder / "fix.csv", "_code") == ["customer_rules_violated"]


# --- All or nothing ---


def test_strict_takes_nothing_if_a_single_row_is_rejected(till: Till) -> None:
    before = everything(till.ledger)
    result = load(till, SALES + "c2,500,T-4,C-B2,,,\n", "--strict")
    assert (result.exit, only(result.json()["errors"])["code"]) == (65, "rows_rejected")
    assert column(till.folder / "till.rejects.csv", "_line") == ["5"]
    assert everything(till.ledger) == before
    assert load(till, SALES, "--strict").json()["counts"] == counts(loaded=3)


def test_a_dry_run_does_the_same_and_keeps_nothing(till: Till) -> None:
    before = files_in(till.folder)
    result = load(till, SALES + "c2,500,T-4,C-B2,,,\n", "-n")
    assert (result.exit, result.json()["counts"]) == (3, counts(loaded=3, rejected=1))
    assert result.json()["totals"] == {"EUR": {"redeemed": 7000, "paid": 4000, "bonus": 3000}}
    assert result.json()["run_id"] is None
    after = files_in(till.folder)
    assert {name: after[name] for name in after if name != "till.csv"} == before


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "empty_file"),
        ("c1,10.00,T-1\n", "header_missing"),
        ("code,amount\nc1,10\n", "column_missing"),
        ("amount,invoice\n10,T-1\n", "column_missing"),
        ("code,amount,invoice,Amount,amount\nc1,10,T-1,10,10\n", "duplicate_header"),
        ('code,amount,invoice\nc1,10,"T-1\n', "unterminated_quote"),
        (b"code,amount,invoice\nc1,10,\xff\n", "undecodable_bytes"),
        (b"code,amount,invoice\nc1,10,\0\n", "nul_bytes"),
    ],
)
def test_a_file_as_a_whole_is_refused(till: Till, text: str | bytes, code: str) -> None:
    before = everything(till.ledger)
    (till.folder / "good.csv").write_text(SALES)
    result = load(till, text, "good.csv")
    assert (result.exit, only(result.json()["errors"])["code"]) == (65, code)
    assert everything(till.ledger) == before


def test_a_header_alone_is_a_till_that_sold_nothing(till: Till) -> None:
    answer = load(till, HEADER).json()
    assert (answer["counts"], answer["run_id"]) == (counts(), None)


def test_an_encoding_can_be_named(till: Till) -> None:
    text = "code,amount,invoice,customer_id\nc1,10,Kasse-Süd-1,C-B1\n".encode("latin-1")
    assert load(till, text).exit == 65
    assert load(till, text, "--encoding", "latin-1").json()["counts"] == counts(loaded=1)
    assert redemptions(till) == [("c1", "Kasse-Süd-1", 1000, None)]


def test_without_a_ledger_there_is_nothing_to_take_from(tmp_path: Path) -> None:
    till = Till(tmp_path)
    result = load(till, SALES)
    assert (result.exit, only(result.json()["errors"])["code"]) == (66, "ledger_missing")
    assert not till.ledger.exists()
