"""Whether the books are in order: a seal where they are, findings where not, and each check only on sound ground."""

from refundctl.ledger.checks.findings import Finding
from refundctl.ledger.database.connection import LedgerDamaged
from refundctl.ledger.journal.seals import Seal
from refundctl.operations.books.verify import unreadable, verify
from support.desks.run_desk import RunDesk

HEADER = "booking_id,customer_id,order_amount,currency,status\n"


def funded() -> RunDesk:
    desk = RunDesk(eligible={"status": ["cancelled"]})
    desk.run(HEADER + "B1,ana,100.00,EUR,cancelled\nB2,ben,50.00,EUR,cancelled\n")
    return desk


def codes(desk: RunDesk, kept: Seal | None = None) -> set[str]:
    return {finding.code for finding in verify(desk.ledger, kept).findings}


def test_books_in_order_have_the_seal_of_their_last_run() -> None:
    desk = funded()
    found = verify(desk.ledger, None)
    assert found.findings == []
    assert found.seal is not None
    assert desk.read("SELECT run_id, digest FROM seals ORDER BY id DESC LIMIT 1") == [
        (found.seal.run_id, found.seal.digest)
    ]
    empty = RunDesk()
    with empty.ledger.writing():
        pass
    assert verify(empty.ledger, None).seal is None


def test_who_was_funded_and_is_not_eligible_any_more_is_told_once_the_rest_is_in_order() -> None:
    desk = funded()
    desk.run(HEADER + "B1,ana,100.00,EUR,flown\n")
    found = verify(desk.ledger, None)
    message = "Booking B1 was funded by refunds and is no longer eligible: decide what is to be done."
    assert (found.findings, found.seal) == ([Finding("funded_not_eligible", message)], None)
    desk.load("booking_id,order_amount\nB3,700\n")  # a run that nobody has sealed
    assert codes(desk) == {"run_unsealed"}


def test_a_seal_that_was_kept_elsewhere_shows_an_old_copy() -> None:
    desk = funded()
    earlier, first = desk.ledger.connection.serialize(), verify(desk.ledger, None).seal
    desk.run(HEADER + "B3,cy,7.00,EUR,cancelled\n")
    last = verify(desk.ledger, None).seal
    assert codes(desk, first) == codes(desk, last) == set()
    desk.ledger.connection.deserialize(earlier)
    assert (codes(desk, first), codes(desk, last)) == (set(), {"tail_missing"})
    assert codes(funded(), first) == {"other_ledger"}


def test_what_was_changed_past_the_program_is_found() -> None:
    desk = funded()
    connection = desk.ledger.connection
    guards = desk.read("SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'transactions'")
    for name, _ in guards:
        connection.execute(f"DROP TRIGGER {name}")
    connection.execute("UPDATE transactions SET amount_minor = 10001 WHERE amount_minor = 10000")
    for _, sql in guards:
        connection.execute(sql)
    found = verify(desk.ledger, None)
    assert "seal_broken" in {finding.code for finding in found.findings}
    assert found.seal is None


def test_what_cannot_be_opened_is_one_finding() -> None:
    found = unreadable(LedgerDamaged("refunds.db can't be read."))
    assert (found.findings, found.seal) == ([Finding("file_damaged", "refunds.db can't be read.")], None)
