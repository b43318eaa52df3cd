"""Under one key a deed is done once: asked for again the first answer is given, whatever has happened since."""

from refundctl.operations.desk.disable import Disable, Enable
from refundctl.operations.desk.kept_answers import Answer, once
from refundctl.operations.desk.redeem import Redeem
from refundctl.operations.desk.refusals import BalanceTooLow, KeyConflict
from support.desks.clerk_desk import ClerkDesk

BOUGHT = Redeem("30", "INV-1", "ana")


def test_a_retry_gets_the_first_answer_and_nothing_is_taken_again() -> None:
    desk = ClerkDesk()
    first = desk.do(BOUGHT, key="till-3/4711")
    desk.do(Redeem("1", "INV-2", "ana"))
    again = desk.do(Redeem("30.00", " INV-1 ", "ana"), key="till-3/4711")
    assert (first.repeated, again.repeated, again.run_id) == (False, True, first.run_id)
    assert (again.facts, again.totals, again.counts) == (first.facts, first.totals, first.counts)
    assert desk.balance() == (73_00, 0)


def test_a_key_is_for_one_deed_on_one_card() -> None:
    desk = ClerkDesk()
    desk.do(BOUGHT, key="k")
    for deed, card in ((Redeem("30.01", "INV-1", "ana"), "c1"), (BOUGHT, "c2"), (Disable(), "c1")):
        message = desk.refuses(KeyConflict, "idempotency_conflict", deed, card, "k")
        assert message.startswith("The key 'k' was used for something else by run ")
    desk.do(Disable(), key="other")
    desk.refuses(KeyConflict, "idempotency_conflict", Enable(), "c1", "other")


def test_what_changed_nothing_is_remembered_under_its_key_and_so_does_nothing_later() -> None:
    desk = ClerkDesk()
    assert desk.do(Enable()).run_id is None
    first = desk.do(Enable(), key="k")
    assert first.counts == {"enabled": 0}
    assert desk.read("SELECT max(id), command FROM runs") == [(first.run_id, "Enable")]
    desk.do(Disable())
    assert desk.do(Enable(), key="k").repeated
    assert desk.stands() == "disabled"


def test_what_was_refused_leaves_its_key_free_and_so_does_a_dry_run() -> None:
    desk = ClerkDesk()
    desk.refuses(BalanceTooLow, "gift_amount_exceeded", Redeem("200", "INV-1", "ana"), "c1", "k")
    assert not desk.do(BOUGHT, key="k", keep=False).repeated
    assert not desk.do(BOUGHT, key="k").repeated
    assert desk.balance() == (74_00, 0)


def test_of_a_file_counts_what_it_holds_and_not_its_name() -> None:
    desk = ClerkDesk()

    def adjust(path: str, sha256: str) -> Answer:
        journal = desk.journal("card adjust", **{"from": path, "sha256": sha256})
        with desk.ledger.writing():
            return once(desk.ledger, journal, "May", None, lambda _: Answer(None, {"adjusted": 2}))

    assert [adjust(path, "00").repeated for path in ("may.csv", "copy.csv")] == [False, True]
    desk.refuses_to(KeyConflict, "idempotency_conflict", lambda: adjust("may.csv", "01"))
