"""What `verify` says of purchases, what was given back, PINs and kept answers: nothing of what the desk does, else its code."""

from dataclasses import replace

import pytest

from refundctl.domain.cards.buckets import Buckets
from refundctl.domain.cards.pins import METHOD, SALT_BYTES
from refundctl.ledger.cards.pins import post_pin
from refundctl.ledger.desk import redeeming
from refundctl.ledger.desk.redeeming import NewRedemption
from refundctl.ledger.desk.transferring import transfer
from support.desks.damaged_books import codes_found, damage
from support.desks.funded_desk import FundedDesk

# Purchase 6 took 25.00 of ana's card 1, for invoice INV-7, by run 7. Dee's card 3 holds 30.00 and a bonus of 5.00, and both
# are valid through 1 June 2021, by the clocks of Warsaw.
BOUGHT = NewRedemption(3, 1, Buckets(4_00, 5_00), 3, "INV-9", None)
WRONG, UNUSABLE, TERMS = "redemption_wrong", "redeemed_while_unusable", "redeemed_against_terms"


def begin(desk: FundedDesk, command: str) -> int:
    return desk.journal.begin(step=command).run_id


def buy(desk: FundedDesk) -> None:
    """Transactions 7, paid, and 8, bonus, by run 9."""
    assert redeeming.redeem(desk.connection, BOUGHT, begin(desk, "card redeem")) == [7, 8]


def give_back(desk: FundedDesk) -> None:
    """Transactions 9 and 10, by run 10."""
    past = redeeming.redemption_of(desk.connection, 7)
    assert past is not None
    run = begin(desk, "card rollback")
    redeeming.roll_back(desk.connection, past, Buckets(4_00, 2_00), card=3, reason=None, run_id=run)


def test_what_is_bought_and_given_back_is_in_order(desk: FundedDesk) -> None:
    buy(desk)
    assert codes_found(desk.connection) == []
    give_back(desk)
    assert codes_found(desk.connection) == []
    till = replace(BOUGHT, amount=Buckets(1_00, 0), invoice="T-1", redeemed_at="2020-05-31T10:00:00Z")
    redeeming.redeem(desk.connection, till, begin(desk, "load-redemptions"))
    assert codes_found(desk.connection) == []


@pytest.mark.parametrize(
    ("done", "found"),
    [
        ("UPDATE transactions SET related_transaction = NULL WHERE id = 8", [WRONG]),
        ("UPDATE transactions SET bucket = 'paid' WHERE id = 8", [WRONG]),
        ("UPDATE transactions SET reason = 'gold' WHERE id = 7", [WRONG]),
        ("UPDATE redemptions SET order_total_minor = 899 WHERE id = 7", [WRONG]),
        ("UPDATE redemptions SET order_total_minor = 900 WHERE id = 7", []),
        ("UPDATE redemptions SET redeemed_at = '2020-05-31T10:00:00Z' WHERE id = 7", [WRONG]),
        ("UPDATE redemptions SET invoice = NULL WHERE id = 7", [TERMS]),
        ("UPDATE redemptions SET customer = 1 WHERE id = 7", [TERMS]),
        ("UPDATE redemptions SET card = 1, customer = 1 WHERE id = 7", [WRONG] * 3),
        ("DELETE FROM redemptions WHERE id = 7", [WRONG] * 2),
        ("UPDATE runs SET command = 'card adjust' WHERE id = 9", [WRONG] * 2),
        ("UPDATE redemptions SET run_id = 7 WHERE id = 7", [WRONG] * 2),
    ],
)
def test_a_purchase_is_what_was_taken_by_its_holder_for_an_invoice(
    desk: FundedDesk, done: str, found: list[str]
) -> None:
    buy(desk)
    damage(desk.connection, done)
    assert codes_found(desk.connection) == found


@pytest.mark.parametrize("event", ["deactivated", "disabled"])
@pytest.mark.parametrize(("before", "found"), [(True, [UNUSABLE]), (False, [])])
def test_a_card_that_is_blocked_before_is_not_redeemed(
    desk: FundedDesk, event: str, before: bool, found: list[str]
) -> None:
    blocking = {"deactivated": "card deactivate", "disabled": "card disable"}[event]
    run = begin(desk, blocking) if before else None
    redeeming_run = begin(desk, "card redeem")
    redeeming.redeem(desk.connection, BOUGHT, redeeming_run)
    run = run or begin(desk, blocking)
    damage(desk.connection, f"INSERT INTO card_events (card, event, run_id) VALUES (3, '{event}', {run})")
    assert codes_found(desk.connection) == found


@pytest.mark.parametrize(
    ("at", "found"),
    [("2021-06-01T21:59:59Z", []), ("2021-06-01T22:00:00Z", ["redeemed_after_expiry"])],
)
def test_a_card_is_valid_through_the_end_of_its_last_day_where_its_campaign_is(
    desk: FundedDesk, at: str, found: list[str]
) -> None:
    buy(desk)
    damage(desk.connection, f"UPDATE runs SET started_at = '{at}' WHERE id = 9")
    assert codes_found(desk.connection) == found


@pytest.mark.parametrize(
    ("done", "found"),
    [
        ("UPDATE transactions SET amount_minor = 401 WHERE id = 9", ["rollback_wrong"]),
        ("UPDATE transactions SET amount_minor = 500 WHERE id = 10", []),
        ("UPDATE transactions SET bucket = 'paid' WHERE id = 10", ["rollback_wrong"]),
        ("UPDATE transactions SET card = 1 WHERE id = 10", ["rollback_wrong"]),
        ("UPDATE transactions SET related_transaction = 7 WHERE id = 10", ["rollback_wrong"] * 2),
        ("UPDATE rollbacks SET redemption = 6", ["rollback_wrong"] * 3),
        ("UPDATE rollbacks SET run_id = 8", ["rollback_wrong"] * 3),
        ("DELETE FROM rollbacks", ["rollback_wrong"] * 2),
    ],
)
def test_no_more_is_given_back_than_was_taken_from_each_bucket(desk: FundedDesk, done: str, found: list[str]) -> None:
    buy(desk)
    give_back(desk)
    damage(desk.connection, done)
    assert codes_found(desk.connection) == found


@pytest.mark.parametrize(
    ("method", "salt", "asked", "found"),
    [
        (METHOD, SALT_BYTES, 1, []),
        (METHOD, SALT_BYTES, None, ["pin_wrong"]),
        ("md5", SALT_BYTES, 1, ["pin_wrong"]),
        (METHOD, SALT_BYTES + 1, 1, ["pin_wrong"]),
    ],
)
def test_a_card_with_a_pin_is_redeemed_with_it(
    desk: FundedDesk, method: str, salt: int, asked: int | None, found: list[str]
) -> None:
    post_pin(desk.connection, 3, method, b"s" * salt, b"d" * 32, begin(desk, "card set-pin"))
    redeeming.redeem(desk.connection, replace(BOUGHT, pin=asked), begin(desk, "card redeem"))
    assert codes_found(desk.connection) == found


@pytest.mark.parametrize(("invoice", "found"), [("INV-7", ["invoice_used_twice"]), ("INV-8", [])])
def test_an_invoice_of_the_card_that_was_replaced_is_not_used_again(
    desk: FundedDesk, invoice: str, found: list[str]
) -> None:
    damage(
        desk.connection,
        "UPDATE cards SET customer = 1 WHERE id = 3",
        "UPDATE line_versions SET customer = 1 WHERE id = 3",
    )
    run = begin(desk, "card transfer")
    transfer(desk.connection, card=1, successor=3, campaign=1, balance=Buckets(75_00), reason=None, run_id=run)
    bought = replace(BOUGHT, customer=1, invoice=invoice)
    redeeming.redeem(desk.connection, bought, begin(desk, "card redeem"))
    assert codes_found(desk.connection) == found


@pytest.mark.parametrize(
    ("command", "code", "found"),
    [
        ("load-redemptions", "voucher_expired", []),
        ("card redeem", "voucher_expired", ["refused_redemption_wrong"]),
        ("load-redemptions", "Because I say so", ["refused_redemption_wrong"]),
    ],
)
def test_only_a_till_is_refused_what_is_kept_and_for_a_code(
    desk: FundedDesk, command: str, code: str, found: list[str]
) -> None:
    assert redeeming.post_refused(desk.connection, 1, "T-1", 100, code, begin(desk, command))
    assert codes_found(desk.connection) == found


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        ('{"facts":{"transactions":[{"run_id":8}]}}', []),
        ('{"facts":{}}', []),
        ('{"facts":{"transactions":[{"run_id":7}]}}', ["answer_wrong"]),
        ("{}", ["answer_wrong"]),
    ],
)
def test_an_answer_under_a_key_tells_of_its_own_run(desk: FundedDesk, answer: str, found: list[str]) -> None:
    keep = "INSERT INTO idempotency_keys (idempotency_key, arguments, answer, run_id) VALUES ('k', ?, ?, 8)"
    desk.connection.execute(keep, ("a" * 64, answer))
    assert codes_found(desk.connection) == found
