"""What `verify` says of cards, redemptions and cash: nothing where all is as the desk does it, else what is wrong, by its code.

What the schema lets pass is posted as a sealed run of its own, so that nothing but the rule can find it. What it refuses is
done by hand, and breaks a seal too.
"""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from refundctl.ledger.checks import cards_in_order, cash_in_order, redemptions_in_order
from refundctl.ledger.checks.findings import BooksCheck
from support.books import by_hand, tables_as_written
from support.command_line import CommandLine
from support.desks.life_of_cards import AUTUMN, WINTER
from support.desks.sealed_runs import sealed_run
from support.repository import ROOT

# Of the books' last campaign, number 4 (NOK, Warsaw time): card 24 of customer 4 holds 72.00 paid and 9.98 bonus, as it has
# replaced card 18, whose redemption 66 (transactions 66 and 67, invoice A3) run 75 gave back all but 0.02 of. Card 21 of
# customer 16 holds 25.00 and 4.00 again, since a cash-out was cancelled; cards 26 and 27 of customer 5 a goodwill bonus of 15.00
# each. They are valid through 1 October 2022. Card 16 has PIN 1; card 20 is frozen, card 19 was paid out, 28 was undone.
TAKE = "CREDITS_REDEMPTION"
LAST = "(SELECT max(id) FROM transactions)"
NEW_CARD = "(SELECT max(id) FROM cards)"

# Run 55 is its top-up: of the debts in cash, 60 is paid, and 61 and 62 are in the second file for the bank. Debt 92 is that of
# card 20, 86 of card 19, and 88 of card 21.
SET_ASIDE = """
    INSERT INTO undone_lines (line, undone_run, run_id)
    SELECT line, 55, :run FROM transactions WHERE run_id = 55 AND entry = 1
"""
UNDONE = ("INSERT INTO undoings (undone_run, run_id) VALUES (55, :run)", SET_ASIDE)


def found_after(cli: CommandLine, books: Path, command: str, *statements: str, now: str = AUTUMN) -> set[str]:
    """The codes of what verify finds after one more sealed run."""
    sealed_run(books.parent, command, *statements, now=now)
    return found(cli)


def found(cli: CommandLine) -> set[str]:
    result = cli("verify", "--json", now=WINTER)
    return {finding["code"] for finding in result.json()["findings"]}


def moved(
    card: int | str,
    amount: int,
    account: str,
    kind: str | None = None,
    bucket: str = "paid",
    reason: str = "NULL",
    related: str = "NULL",
) -> str:
    """A transaction beside the fundings."""
    kind = kind or ("CREDITS_ADDITION" if amount > 0 else "CREDITS_REMOVAL")
    return f"""
        INSERT INTO transactions (
            campaign, card, type, bucket, amount_minor, contra_account, reason, related_transaction, run_id
        )
        VALUES (4, {card}, '{kind}', '{bucket}', {amount}, '{account}', {reason}, {related}, :run)
    """


def row(table: str, **values: object) -> str:
    """A row of any table, of the run; texts are SQL."""
    return f"INSERT INTO {table} ({', '.join(values)}, run_id) VALUES ({', '.join(map(str, values.values()))}, :run)"


def taken(card: int, customer: object, minor: int = 100, **columns: object) -> tuple[str, str]:
    """A redemption out of the bucket `paid`, as the desk posts it."""
    said = {"invoice": "'N1'", **columns}
    return (
        moved(card, -minor, "sales", TAKE),
        row("redemptions", **{"id": LAST, "card": card, "customer": customer, **said}),
    )


# --- What the desk does ---

IN_ORDER = {
    "a redemption": ("card redeem", *taken(24, 4)),
    "out of both buckets": (
        "card redeem",
        *taken(24, 4),
        moved(24, -50, "sales", TAKE, "bonus", related=LAST),
    ),
    "with a PIN": ("card redeem", *taken(16, 1, pin=1)),
    "a till's": ("load-redemptions", *taken(24, 4, redeemed_at="'2020-09-30T10:00:00Z'")),
    "a till's, of a card with a PIN": ("load-redemptions", *taken(16, 1)),
    "deactivated at the desk, with a balance": ("card deactivate", row("card_events", card=24, event="'deactivated'")),
    "corrected": ("card adjust", moved(24, -100, "adjustments", reason="'why'")),
}


@pytest.mark.parametrize("posted", IN_ORDER.values(), ids=IN_ORDER)
def test_what_the_desk_does_is_sound(run_in_process: CommandLine, books: Path, posted: tuple[str, ...]) -> None:
    assert found_after(run_in_process, books, *posted) == set()


# --- What it never does, and the schema lets pass ---

WRONG: dict[str, dict[str, tuple[str, ...]]] = {
    "movement_wrong": {
        "sold the other way round": ("card adjust", moved(24, 100, "sales")),
        "expired the other way round": ("expire", moved(24, 100, "breakage")),
        "taken back in a kind of its own": (
            "undo",
            *UNDONE,
            moved(24, -1, "refunds_owed", TAKE),
        ),
    },
    "redemption_wrong": {
        "without a redemption": ("card redeem", moved(24, -100, "sales", TAKE)),
        "of another card": (
            "card redeem",
            moved(24, -100, "sales", TAKE),
            row("redemptions", id=LAST, card=21, customer=16, invoice="'N1'"),
        ),
        "of what takes nothing": (
            "card redeem",
            moved(24, -100, "adjustments", reason="'why'"),
            row("redemptions", id=LAST, card=24, customer=4, invoice="'N1'"),
        ),
        "by a command that doesn't": ("card adjust", *taken(24, 4)),
        "of one bucket twice": ("card redeem", *taken(24, 4), moved(24, -50, "sales", TAKE, related=LAST)),
        "in three parts": (
            "card redeem",
            *taken(24, 4),
            moved(24, -50, "sales", TAKE, "bonus", related=LAST),
            moved(24, -50, "sales", TAKE, "bonus", related=f"{LAST} - 1"),
        ),
        "of more than the order": ("card redeem", *taken(24, 4, 101, order_total_minor=100)),
        "with the name of a rule": (
            "card redeem",
            moved(24, -100, "sales", TAKE, reason="'gold'"),
            taken(24, 4)[1],
        ),
        "at a till's time, at the desk": ("card redeem", *taken(24, 4, redeemed_at="'2020-09-30T10:00:00Z'")),
        "at no time": ("load-redemptions", *taken(24, 4, redeemed_at="'yesterday'")),
    },
    "redeemed_against_terms": {
        "by nobody": ("card redeem", *taken(24, "NULL")),
        "by somebody else": ("card redeem", *taken(24, 5)),
        "without an invoice": ("card redeem", *taken(24, 4, invoice="NULL")),
    },
    "invoice_used_twice": {"on the card that was replaced": ("card redeem", *taken(24, 4, invoice="'A3'"))},
    "pin_wrong": {
        "not asked for": ("card redeem", *taken(16, 1)),
        "another card's": ("card redeem", *taken(24, 4, pin=1)),
        "asked for by a till": ("load-redemptions", *taken(16, 1, pin=1)),
        "by an unknown method": (
            "card set-pin",
            row("pins", card=24, method="'md5'", salt="randomblob(16)", hash="randomblob(32)"),
        ),
        "with a long salt": (
            "card set-pin",
            row("pins", card=24, method="'scrypt:16384:8:5'", salt="randomblob(17)", hash="randomblob(32)"),
        ),
        "set by something else": (
            "card redeem",
            row("pins", card=24, method="'scrypt:16384:8:5'", salt="randomblob(16)", hash="randomblob(32)"),
        ),
    },
    "rollback_wrong": {
        "of nothing": ("card rollback", row("rollbacks", redemption=71)),
        "without saying so": ("card rollback", moved(16, 100, "sales", "CREDITS_REFUND", "bonus", related="71")),
        "onto another card": (
            "card rollback",
            moved(24, 100, "sales", "CREDITS_REFUND", "bonus", related="71"),
            row("rollbacks", redemption=71),
        ),
        "by something else": (
            "card adjust",
            moved(16, 100, "sales", "CREDITS_REFUND", "bonus", related="71"),
            row("rollbacks", redemption=71),
        ),
        "once more": ("card rollback", moved(24, 2, "sales", "CREDITS_REFUND", "bonus", related="67")),
    },
    "refused_redemption_wrong": {
        "at the desk": (
            "card redeem",
            row("refused_redemptions", card=24, invoice="'T9'", amount_minor=100, error_code="'voucher_expired'"),
        ),
        "for no reason": (
            "load-redemptions",
            row("refused_redemptions", card=24, invoice="'T9'", amount_minor=100, error_code="'Because I say so'"),
        ),
    },
    "answer_wrong": {
        "of another run": (
            "card redeem",
            row(
                "idempotency_keys",
                idempotency_key="'k'",
                arguments=f"'{'a' * 64}'",
                answer='json(\'{"facts":{"transactions":[{"id":1,"run_id":5}]}}\')',
            ),
        ),
        "of nothing": (
            "card redeem",
            row("idempotency_keys", idempotency_key="'k'", arguments=f"'{'a' * 64}'", answer="'[]'"),
        ),
    },
    "pool_wrong": {
        "handed out after it had a holder": ("card activate", row("activations", card=16, expires_on="'2021-10-01'")),
        "with another last day than its holder's": (
            "card activate",
            row("activations", card=24, expires_on="'2022-01-01'"),
        ),
    },
    "card_event_wrong": {
        "by something else": ("card adjust", row("card_events", card=24, event="'disabled'")),
        "to a dead card": ("card disable", row("card_events", card=18, event="'disabled'")),
        "to a deactivated card": ("card disable", row("card_events", card=8, event="'disabled'")),
        "unlocked by something else": ("card enable", row("card_events", card=24, event="'unlocked'")),
    },
    "deactivated_with_balance": {"by an undo": ("undo", row("card_events", card=24, event="'deactivated'"))},
    "transfer_wrong": {
        "with something left": ("card transfer", row("transfers", card=24, successor=21)),
        "to somebody else": ("card transfer", row("transfers", card=20, successor=21)),
        "to another campaign": ("card transfer", row("transfers", card=20, successor=6)),
        "by something else": ("card adjust", row("transfers", card=28, successor=26)),
        "of a dead card": ("card transfer", row("transfers", card=28, successor=26)),
        "to a dead card": ("card transfer", row("transfers", card=19, successor=28)),
        "without saying so": (
            "card transfer",
            moved(26, -500, "transfers", bucket="bonus"),
            moved(27, 500, "transfers", bucket="bonus", related=LAST),
        ),
        "of less than arrives": (
            "card transfer",
            row("transfers", card=26, successor=27),
            moved(26, -1500, "transfers", bucket="bonus"),
            moved(27, 1501, "transfers", bucket="bonus", related=LAST),
        ),
        "from bonus to paid": (
            "card transfer",
            row("transfers", card=26, successor=27),
            moved(26, -1500, "transfers", bucket="bonus"),
            moved(27, 1500, "transfers", related=LAST),
        ),
        "and onto the lost card again": ("card adjust", moved(18, 100, "adjustments", reason="'why'")),
    },
    "adjustment_wrong": {
        "without a reason": ("card adjust", moved(24, 100, "adjustments")),
        "by something else": ("card issue", moved(24, 100, "adjustments", reason="'why'")),
        "of something": ("card adjust", moved(24, 100, "adjustments", reason="'why'", related="66")),
    },
    "goodwill_wrong": {
        "onto a card that was there": ("card issue", moved(24, 100, "goodwill", reason="'sorry'")),
        "by something else": (
            "card adjust",
            "INSERT INTO cards (campaign, code, customer, ordinal, run_id) VALUES (4, 'MINE', 1, 9, :run)",
            "INSERT INTO codes SELECT 'MINE', max(id) FROM cards",
            moved(NEW_CARD, 100, "goodwill", reason="'sorry'"),
        ),
        "without a reason": (
            "card issue",
            "INSERT INTO cards (campaign, code, customer, ordinal, run_id) VALUES (4, 'MINE', 1, 9, :run)",
            "INSERT INTO codes SELECT 'MINE', max(id) FROM cards",
            moved(NEW_CARD, 100, "goodwill"),
        ),
    },
    "removal_wrong": {
        "goodwill by no undo": ("card adjust", moved(26, -100, "goodwill", bucket="bonus", related="82")),
        "goodwill of no card": ("undo", moved(24, -100, "goodwill")),
    },
    "breakage_wrong": {
        "too early": ("expire", moved(24, -100, "breakage")),
        "by something else": ("card adjust", moved(24, -100, "breakage")),
        "of something": ("expire", moved(24, -100, "breakage", related="66")),
    },
    "cashout_wrong": {
        "without a cash-out": ("cashout request", moved(24, -7200, "cash_owed")),
        "a bonus that lapses alone": ("cashout request", moved(26, -1500, "lapsed", bucket="bonus")),
        "of a bonus": (
            "cashout request",
            moved(26, -1500, "cash_owed", bucket="bonus"),
            row("cashouts", id=LAST, card=26, reason="'why'"),
        ),
        "of another card": (
            "cashout request",
            moved(26, -1500, "lapsed", bucket="bonus"),
            row("cashouts", id=LAST, card=26, reason="'why'"),
        ),
        "given back without being cancelled": (
            "cashout cancel",
            moved(20, 2000, "cash_owed", related="92"),
        ),
        "cancelled without being given back": (
            "cashout cancel",
            row("cash_outcomes", debt=92, outcome="'cancelled'"),
        ),
        "cancelled and given back in part": (
            "cashout cancel",
            moved(20, 1999, "cash_owed", related="92"),
            row("cash_outcomes", debt=92, outcome="'cancelled'"),
        ),
    },
    "frozen_with_balance": {
        "something was left": (
            "cashout request",
            moved(24, -7200, "cash_owed"),
            row("cashouts", id=LAST, card=24, reason="'why'"),
        ),
        "something came while it was frozen": ("card adjust", moved(20, 100, "adjustments", reason="'why'")),
        "something came after it was paid": ("card adjust", moved(19, 100, "adjustments", reason="'why'")),
    },
    "cash_outcome_wrong": {
        "paid by something else": ("card adjust", row("cash_outcomes", debt=92, outcome="'paid'")),
        "cancelled by something else": (
            "card adjust",
            row("cash_outcomes", debt=92, outcome="'cancelled'"),
        ),
    },
    "cash_order_wrong": {
        "of no debt": (
            "cashout export",
            row("cash_files", path="'mine.csv'", format="'csv'"),
            row("cash_orders", cash_file="(SELECT max(id) FROM cash_files)", debt=50),
        ),
        "in another run's file": ("cashout export", row("cash_orders", cash_file=1, debt=92)),
        "a file with nothing in it": ("cashout export", row("cash_files", path="'mine.csv'", format="'csv'")),
        "a file by something else": (
            "card adjust",
            row("cash_files", path="'mine.csv'", format="'csv'"),
            row("cash_orders", cash_file="(SELECT max(id) FROM cash_files)", debt=92),
        ),
        "rejected by something else": ("card adjust", row("cash_rejections", cash_order=5)),
    },
}
CASES = [
    pytest.param(code, posted, id=f"{code}: {name}") for code, cases in WRONG.items() for name, posted in cases.items()
]
# What breaks a second rule beside the one that it is listed under.
BROKEN_TOO = {
    "movement_wrong: expired the other way round": "breakage_wrong",
    "movement_wrong: taken back in a kind of its own": "redemption_wrong",
    "redemption_wrong: of what takes nothing": "adjustment_wrong",
    "cashout_wrong: given back without being cancelled": "frozen_with_balance",
    "cash_outcome_wrong: cancelled by something else": "cashout_wrong",
}


@pytest.mark.parametrize(("code", "posted"), CASES)
def test_what_the_desk_never_does_is_found(
    run_in_process: CommandLine, books: Path, request: pytest.FixtureRequest, code: str, posted: tuple[str, ...]
) -> None:
    too = BROKEN_TOO.get(request.node.callspec.id)
    assert found_after(run_in_process, books, *posted) == {code, *([too] if too else [])}


# --- What the schema refuses: done by hand, it breaks a seal too ---

# Redemption 71 was taken from card 16 by run 65, out of its bonus.
BY_HAND: dict[str, dict[str, str]] = {
    "redeemed_while_unusable": {
        "disabled": "INSERT INTO card_events (card, event, run_id) VALUES (16, 'disabled', 60)",
        "deactivated": "INSERT INTO card_events (card, event, run_id) VALUES (16, 'deactivated', 60)",
        "replaced": "INSERT INTO transfers (card, successor, run_id) VALUES (16, 22, 60)",
        "frozen": "INSERT INTO cashouts (id, card, reason, run_id) VALUES (63, 16, 'why', 60)",
        "in the pool": "UPDATE assignments SET run_id = 65 WHERE card = 16",
        "nobody's": "DELETE FROM assignments WHERE card = 16",
    },
    "redemption_wrong": {
        "it is gone": "DELETE FROM redemptions WHERE id = 71",
        "its transaction is gone": "DELETE FROM transactions WHERE id = 71",
        "its second transaction is another card's": "UPDATE transactions SET card = 24 WHERE id = 64",
        "it became an addition": "UPDATE transactions SET type = 'CREDITS_ADDITION', amount_minor = 700 WHERE id = 71",
        "in another campaign": "UPDATE transactions SET campaign = 1 WHERE id = 71",
    },
    "rollback_wrong": {
        "more than was taken": "UPDATE transactions SET amount_minor = 1001 WHERE id = 70",
        "to the other bucket": "UPDATE transactions SET bucket = 'bonus' WHERE id = 70",
        "to a card that came to replace it later": "UPDATE transfers SET run_id = 80 WHERE card = 18",
        "without saying so": "DELETE FROM rollbacks WHERE redemption = 65",
        "before it was redeemed": "UPDATE rollbacks SET run_id = 57 WHERE redemption = 65",
        "of another purchase": "UPDATE transactions SET related_transaction = 71 WHERE id = 70",
        "of no purchase": "UPDATE transactions SET related_transaction = 50 WHERE id = 70",
        "out of another account": "UPDATE transactions SET contra_account = 'adjustments' WHERE id = 70",
    },
    "card_event_wrong": {
        "disabled twice": "UPDATE card_events SET event = 'disabled' WHERE event = 'enabled'",
        "enabled, without having been disabled": "DELETE FROM card_events WHERE event = 'disabled'",
    },
    "pool_wrong": {
        "a card that was never in it, assigned": "UPDATE assignments SET card = 11 WHERE card = 22",
        "a card that was never in it, handed out": "UPDATE activations SET card = 11 WHERE card = 23",
        "before it was made": "UPDATE activations SET run_id = 50 WHERE card = 23",
        "another campaign's": "UPDATE assignments SET campaign = 1 WHERE card = 22",
    },
    "transfer_wrong": {
        "less arrived": "UPDATE transactions SET amount_minor = 1199 WHERE id = 79",
        "on another card": "UPDATE transactions SET card = 24 WHERE id = 79",
        "in another run": "UPDATE transactions SET run_id = 80 WHERE id = 79",
        "nothing arrived": "DELETE FROM transactions WHERE id = 79",
        "the lost card is alive": "DELETE FROM transfers WHERE card = 23",
        "in a circle": "UPDATE transfers SET card = 24, successor = 18 WHERE card = 23",
    },
    "cashout_wrong": {
        "the debt became larger": "UPDATE transactions SET amount_minor = -2501 WHERE id = 88",
        "less came back": "UPDATE transactions SET amount_minor = 2499 WHERE id = 90",
        "the bonus did not come back": "DELETE FROM transactions WHERE id = 91",
        "the bonus came back as paid": "UPDATE transactions SET bucket = 'paid' WHERE id = 91",
        "it is gone": "DELETE FROM cashouts WHERE id = 92",
        "it is another card's": "UPDATE cashouts SET card = 24 WHERE id = 92",
    },
    "cash_outcome_wrong": {
        "of what is no debt": "UPDATE cash_outcomes SET debt = 50 WHERE id = 2",
        "cancelled, and owed by policy": "UPDATE cash_outcomes SET outcome = 'cancelled' WHERE id = 2",
        "cancelled before it was asked for": "UPDATE cash_outcomes SET run_id = 79 WHERE id = 1",
        "cancelled, and with the bank": "INSERT INTO cash_orders (cash_file, debt, run_id) VALUES (1, 88, 83)",
        "paid, and taken back by an undo": """
            INSERT INTO transactions (
                campaign, line, type, bucket, amount_minor, contra_account, related_transaction, run_id
            )
            VALUES (4, 24, 'CREDITS_REMOVAL', 'cash', -4000, 'refunds_owed', 60, 89)
        """,
    },
    "cash_order_wrong": {
        "twice": "INSERT INTO cash_orders (cash_file, debt, run_id) VALUES (2, 86, 86)",
        "again before it was rejected": "UPDATE cash_rejections SET run_id = 88 WHERE id = 1",
        "after it was paid": "UPDATE cash_outcomes SET run_id = 83 WHERE debt = 60",
        "after it was taken back": """
            INSERT INTO transactions (
                campaign, line, type, bucket, amount_minor, contra_account, related_transaction, run_id
            )
            VALUES (4, 24, 'CREDITS_REMOVAL', 'cash', -4000, 'refunds_owed', 60, 79)
        """,
        "rejected before it was ordered": "UPDATE cash_rejections SET run_id = 83 WHERE id = 1",
    },
}
DAMAGES = [
    pytest.param(code, damage, id=f"{code}: {name}")
    for code, cases in BY_HAND.items()
    for name, damage in cases.items()
]


@pytest.mark.parametrize(("code", "damage"), DAMAGES)
def test_what_the_schema_refuses_is_found_beside_the_broken_seal(
    run_in_process: CommandLine, books: Path, code: str, damage: str
) -> None:
    with by_hand(books) as connection:
        assert connection.execute(damage).rowcount == 1
    assert found(run_in_process) >= {"seal_broken", code}


# --- Last valid days: a day ends when it ends where the campaign is ---

# Summer time in Warsaw is two hours ahead of UTC: the last day, 1 October 2022, ends at 22:00.
IN_TIME, TOO_LATE = "2022-10-01T21:59:59Z", "2022-10-01T22:00:00Z"


@pytest.mark.parametrize(("now", "said"), [(IN_TIME, set()), (TOO_LATE, {"redeemed_after_expiry"})])
def test_a_redemption_after_the_last_valid_day_is_found(
    run_in_process: CommandLine, books: Path, now: str, said: set[str]
) -> None:
    assert found_after(run_in_process, books, "card redeem", *taken(24, 4), now=now) == said


@pytest.mark.parametrize(("at", "said"), [(IN_TIME, set()), (TOO_LATE, {"redeemed_after_expiry"})])
def test_a_tills_own_time_counts(run_in_process: CommandLine, books: Path, at: str, said: set[str]) -> None:
    by_till = taken(24, 4, redeemed_at=f"'{at}'")
    assert found_after(run_in_process, books, "load-redemptions", *by_till, now=WINTER) == said


def test_a_card_that_was_extended_lives_longer(run_in_process: CommandLine, books: Path) -> None:
    extended = row("extensions", card=24, expires_on="'2022-10-02'")
    assert found_after(run_in_process, books, "card extend", extended) == set()
    assert found_after(run_in_process, books, "card redeem", *taken(24, 4), now=TOO_LATE) == set()


def test_an_extension_that_came_later_does_not_excuse_it(run_in_process: CommandLine, books: Path) -> None:
    sealed_run(books.parent, "card redeem", *taken(24, 4), now=TOO_LATE)
    extended = row("extensions", card=24, expires_on="'2022-10-02'")
    assert found_after(run_in_process, books, "card extend", extended) == {"redeemed_after_expiry"}


@pytest.mark.parametrize(("now", "said"), [(IN_TIME, {"breakage_wrong"}), (TOO_LATE, set())])
def test_breakage_before_the_last_valid_day_is_over_is_found(
    run_in_process: CommandLine, books: Path, now: str, said: set[str]
) -> None:
    assert found_after(run_in_process, books, "expire", moved(24, -100, "breakage"), now=now) == said


def test_breakage_of_a_card_that_never_expires_is_found(run_in_process: CommandLine, books: Path) -> None:
    made = (
        "INSERT INTO cards (campaign, code, customer, ordinal, run_id) VALUES (4, 'MINE', 1, 9, :run)",
        "INSERT INTO codes SELECT 'MINE', max(id) FROM cards",
        moved(NEW_CARD, 100, "goodwill", reason="'sorry'"),
    )
    assert found_after(run_in_process, books, "card issue", *made) == set()
    expired = moved(NEW_CARD, -100, "breakage")
    assert found_after(run_in_process, books, "expire", expired, now=WINTER) == {"breakage_wrong"}


# --- What an undo takes back, and what it leaves ---


def taken_back(credit: int, minor: int, card: int | None = None) -> str:
    """What the undo takes of a credit, off its card or another one."""
    return f"""
        INSERT INTO transactions (
            campaign, card, line, type, bucket, amount_minor, contra_account, related_transaction, run_id
        )
        SELECT campaign, {card or "card"}, line, 'CREDITS_REMOVAL', bucket, -{minor}, contra_account, id, :run
        FROM transactions WHERE id = {credit}
    """


def test_cash_that_is_paid_or_with_the_bank_stays(run_in_process: CommandLine, books: Path) -> None:
    assert found_after(run_in_process, books, "undo", *UNDONE) == set()


def test_cash_that_the_bank_has_rejected_does_not_stay(run_in_process: CommandLine, books: Path) -> None:
    rejected = row("cash_rejections", cash_order=6)
    assert found_after(run_in_process, books, "cashout settle", rejected) == set()
    assert found_after(run_in_process, books, "undo", *UNDONE) == {"undoing_wrong"}


def test_cash_that_was_taken_back_is_not_with_the_bank(run_in_process: CommandLine, books: Path) -> None:
    said = found_after(run_in_process, books, "undo", *UNDONE, taken_back(60, 4_000), taken_back(61, 1_000))
    assert said == {"cash_outcome_wrong", "cash_order_wrong"}


@pytest.mark.parametrize(("card", "said"), [(24, set()), (16, {"removal_wrong"})], ids=["that one", "another"])
def test_a_credit_is_taken_back_off_the_card_that_it_has_moved_to(
    run_in_process: CommandLine, books: Path, card: int, said: set[str]
) -> None:
    """Transaction 52 is what card 18 got, which card 24 has replaced."""
    assert found_after(run_in_process, books, "undo", *UNDONE, taken_back(52, 100, card)) == said


# --- The rules themselves ---

RULES = (*redemptions_in_order.CHECKS, *cards_in_order.CHECKS, *cash_in_order.CHECKS)
OWED = {"refunds_owed", "bonuses_owed", "cash_owed"}
ACCOUNTS = OWED | {"sales", "goodwill", "adjustments", "transfers", "lapsed", "breakage"}


def test_each_rule_is_broken_by_a_test_and_explained_to_who_meets_it() -> None:
    page = (ROOT / "docs" / "exit-codes.md").read_text(encoding="utf-8")
    codes = {rule.code for rule in RULES}
    assert codes - {*WRONG, *BY_HAND} == {"redeemed_after_expiry"}
    assert [code for code in sorted(codes) if f"| `{code}` |" not in page] == []


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.sentence)
def test_what_a_rule_says_is_a_sentence_made_of_what_it_finds(books: Path, rule: BooksCheck) -> None:
    with closing(sqlite3.connect(books)) as connection:
        redemptions_in_order.register_days(connection)
        columns = len(connection.execute(rule.sql).description)
    sentence = rule.sentence.format(*range(columns))
    assert (sentence[0].isupper(), sentence[-1]) == (True, ".")
    assert {*rule.of.split()} <= {*tables_as_written(), *ACCOUNTS}
