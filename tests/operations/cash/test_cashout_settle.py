"""What the bank answers: a debt ends once, or is open again; what can't be so is left out, and says why."""

import io
from pathlib import Path

import pytest

from refundctl.domain.cash.payment_ids import message_id, payment_id
from refundctl.files.cash.bank_answers import read_answer
from refundctl.files.safe_write import FileExists
from refundctl.ledger.cash.bank_files import CashFile
from refundctl.ledger.journal.seals import ledger_id
from refundctl.operations.bookings.rejects_files import write_rejects_file
from refundctl.operations.cash.cashout import Request, cancel
from refundctl.operations.cash.cashout_settle import SettleResult, settle
from support.desks.bookings_desk import rows_of
from support.desks.cash_desk import pain_002
from support.desks.clerk_desk import ClerkDesk


class SettlingDesk(ClerkDesk):
    """Ana's 100.00 and ben's 50.00 are owed in cash: `ana` and `ben` are the numbers of these debts."""

    def __init__(self) -> None:
        super().__init__()
        self.ana, self.ben = (int(self.do(Request("cash"), card).facts["cashout"]["id"]) for card in ("c1", "c2"))

    def settle(self, content: str) -> SettleResult:
        answer = read_answer(io.BytesIO(content.encode()), "answer.csv")
        with self.ledger.writing() as writing:
            result = settle(self.ledger, self.journal("cashout settle"), answer)
            writing.keep = result.changed
        return result

    def tell(self, *rows: str) -> SettleResult:
        return self.settle("\n".join(("id,status", *rows, "")))

    def payment(self, debt: int, file: CashFile) -> str:
        return payment_id(ledger_id(self.ledger.connection), debt, file.number)


def codes(result: SettleResult) -> list[tuple[int, str]]:
    return [(row.line, row.code) for row in result.rejected]


def test_paid_is_for_good_also_in_no_file_for_the_bank() -> None:
    desk = SettlingDesk()
    desk.order(desk.ana)
    result = desk.tell(f"{desk.ana},paid", f"{desk.ben},PAID")
    assert result.counts == {"rows": 2, "paid": 2, "reopened": 0, "pending": 0, "unchanged": 0, "rejected": 0}
    assert result.totals == {"EUR": {"paid": 150_00}}
    assert (desk.debts(), desk.stands(1)) == ({desk.ana: "paid", desk.ben: "paid"}, "cashed_out")
    again = desk.tell(f"{desk.ana},paid", f"{desk.ben},paid")
    assert (again.run_id, again.counts["unchanged"]) == (None, 2)


def test_what_the_bank_rejects_is_open_again_until_the_next_file() -> None:
    desk = SettlingDesk()
    first = desk.order(desk.ana, desk.ben)
    result = desk.tell(f"{desk.ana},rejected", f"{desk.ben},")
    assert (result.counts["reopened"], result.counts["pending"]) == (1, 1)
    assert (result.totals, desk.debts()) == (
        {"EUR": {"reopened": 100_00}},
        {desk.ana: "open", desk.ben: "ordered"},
    )
    assert desk.tell(f"{desk.ana},rejected").counts["unchanged"] == 1
    second = desk.order(desk.ana, path="/pay/june.csv")
    # By its number alone nobody knows which payment is meant: the old rejection, or a new one.
    assert codes(desk.tell(f"{desk.ana},rejected")) == [(2, "payment_ambiguous")]
    assert desk.tell(f"{desk.payment(desk.ana, first)},rejected").counts["unchanged"] == 1
    assert codes(desk.tell(f"{desk.payment(desk.ana, first)},paid")) == [(2, "rejected_before")]
    assert desk.tell(f"{desk.payment(desk.ana, second)},rejected").counts["reopened"] == 1


def test_the_opposite_of_what_was_said_before_is_left_out() -> None:
    desk = SettlingDesk()
    cancel(desk.ledger, desk.journal("cashout cancel"), desk.ana, reason=None)
    assert codes(desk.tell(f"{desk.ana},paid", f"{desk.ben},rejected")) == [
        (2, "cancelled_before"),
        (3, "never_ordered"),
    ]
    desk.tell(f"{desk.ben},paid")
    assert codes(desk.tell(f"{desk.ben},rejected")) == [(2, "paid_before")]


def test_a_file_that_says_two_things_of_one_payment_says_nothing() -> None:
    desk = SettlingDesk()
    file = desk.order(desk.ana)
    result = desk.tell(f"{desk.ana},paid", f"{desk.ben},paid", f"{desk.payment(desk.ana, file)},rejected")
    assert codes(result) == [(2, "contradiction"), (4, "contradiction")]
    assert desk.debts() == {desk.ana: "ordered", desk.ben: "paid"}
    assert desk.tell(f"{desk.ana},paid", f"{desk.ana},paid", f"{desk.ana},").counts["rejected"] == 0


def test_what_is_not_finished_or_not_of_this_ledger_is_left_out() -> None:
    desk = SettlingDesk()
    file = desk.order(desk.ana, delivered=False)
    elsewhere = payment_id("f" * 32, desk.ben, 1)
    never = desk.payment(desk.ben, file)
    rows = (f"{desk.ana},paid", f"{desk.ana},rejected", "99,paid", f"{elsewhere},paid", f"{never},paid", "REF 7,paid")
    assert codes(desk.tell(*rows[:1])) == [(2, "batch_open")]
    assert codes(desk.tell(*rows[1:])) == [
        (2, "batch_open"),
        (3, "resource_not_found"),
        (4, "other_ledger"),
        (5, "resource_not_found"),
        (6, "resource_not_found"),
    ]


def test_what_is_said_of_a_whole_message_is_said_of_each_payment_in_it() -> None:
    desk = SettlingDesk()
    file = desk.order(desk.ana, desk.ben)
    own_id = ledger_id(desk.ledger.connection)
    result = desk.settle(pain_002(message_id(own_id, file.number), "RJCT"))
    assert (result.counts["reopened"], desk.debts()) == (2, {desk.ana: "open", desk.ben: "open"})
    assert codes(desk.settle(pain_002(message_id(own_id, 9), "RJCT"))) == [(0, "resource_not_found")]
    assert codes(desk.settle(pain_002(message_id("f" * 32, file.number), "RJCT"))) == [(0, "other_ledger")]


def test_rows_that_were_left_out_are_written_where_they_can_be_fixed(tmp_path: Path) -> None:
    desk, path = SettlingDesk(), tmp_path / "answer.rejects.csv"
    content = f"id,status\n99,paid\n{desk.ana},paid\n{desk.ben},perhaps\n".encode()
    stream = io.BytesIO(content)
    answer = read_answer(stream, "answer.csv")
    with desk.ledger.writing():
        result = settle(desk.ledger, desk.journal("cashout settle"), answer)
    assert answer.csv is not None
    stream.seek(0)
    file = write_rejects_file(path, stream, answer.csv, result.rejected)
    assert (file.rows, result.counts["rows"]) == (2, 3)
    assert [(row["id"], row["status"], row["_field"], row["_code"]) for row in rows_of(path)] == [
        ("99", "paid", "id", "resource_not_found"),
        (str(desk.ben), "perhaps", "status", "status_unknown"),
    ]
    path.write_text("mine", encoding="utf-8")
    with pytest.raises(FileExists):
        write_rejects_file(path, stream, answer.csv, result.rejected)
