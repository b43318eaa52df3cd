"""Taking back what runs did, except for what is spent: by new rows that name the old ones, never by erasing.

What an undone run did is found by its number in each table. A run, or a step of one, is undone once; `reopen` lets its
refund lines be funded again.
"""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from refundctl.ledger.cards.heirs import find_heirs
from refundctl.ledger.cards.state import endings
from refundctl.ledger.cash.debts import WITH_THE_BANK
from refundctl.ledger.delivery.batches import Batch, open_batches
from refundctl.ledger.file.sql import any_rows, run_script

STEPS = ("load", "publish", "topup")  # that can be undone, in the order in which they are done
GOODWILL = "card issue"  # can be undone too: it publishes a card and puts money on it, for no refund line
WHOLE_RUNS = ("run", "apply")  # that consist of them
MOST_LISTED = 1_000
LARGEST_ID = 2**63 - 1  # of SQLite

# The run that funds a line, the last one that was not undone; NULL where there is none.
_FUNDED_BY = """
    (
        SELECT max(funding.run_id) FROM transactions AS funding
        WHERE funding.line = {line} AND funding.entry = 1
            AND funding.run_id NOT IN (SELECT undone_run FROM undoings)
    )
"""


@dataclass(frozen=True, slots=True)
class PastRun:
    """A run of the journal. `undone_by` and `reopened_by` are runs too, None where that has not happened."""

    run_id: int
    parent_run_id: int | None
    command: str
    campaign: str | None
    undone_by: int | None
    reopened_by: int | None


_PAST_RUNS = """
    SELECT runs.id, parent_run_id, command, campaign, undoings.run_id, reopenings.run_id
    FROM runs
    LEFT JOIN undoings ON undoings.undone_run = runs.id
    LEFT JOIN reopenings ON reopenings.undone_run = runs.id
"""


def past_run(connection: sqlite3.Connection, run_id: int) -> PastRun | None:
    """The run of this number, or None."""
    if not 0 < run_id <= LARGEST_ID:
        return None
    row = connection.execute(f"{_PAST_RUNS} WHERE runs.id = ?", (run_id,)).fetchone()
    return None if row is None else PastRun(*row)


def steps_of(connection: sqlite3.Connection, run_id: int) -> list[PastRun]:
    """The steps of a run that can be undone, the last one first, as they are to be undone."""
    rows = connection.execute(
        f"{_PAST_RUNS} WHERE parent_run_id = ? AND command IN ('load', 'publish', 'topup') ORDER BY runs.id DESC",
        (run_id,),
    )
    return [PastRun(*row) for row in rows]


def undone_by(connection: sqlite3.Connection, run_id: int) -> list[PastRun]:
    """What the `undo` of this number has undone."""
    return [PastRun(*row) for row in connection.execute(f"{_PAST_RUNS} WHERE undoings.run_id = ?", (run_id,))]


def note_undoings(connection: sqlite3.Connection, undone: Sequence[int], reason: str | None, run_id: int) -> None:
    """Write down that these runs are undone; comes before the rest, which asks what still stands."""
    connection.executemany(
        "INSERT INTO undoings (undone_run, reason, run_id) VALUES (?, ?, ?)",
        ((one, reason, run_id) for one in sorted(undone)),
    )


def reopen(connection: sqlite3.Connection, undone: Sequence[int], run_id: int) -> None:
    """Let the lines of undone runs be funded again.

    Cash that was with the bank when its run was undone, and which the bank has rejected since, is taken back now: it is owed
    anew, as the booking says by now.
    """
    connection.executemany(
        "INSERT INTO reopenings (undone_run, run_id) VALUES (?, ?)", ((one, run_id) for one in sorted(undone))
    )
    if not any_rows(connection, "cash_rejections"):
        return
    connection.execute(
        f"""
        INSERT INTO transactions (
            campaign, line, type, bucket, amount_minor, contra_account, related_transaction, run_id
        )
        SELECT campaign, line, 'CREDITS_REMOVAL', bucket, -amount_minor, contra_account, id, :run
        FROM transactions AS owed
        WHERE run_id IN (SELECT undone_run FROM reopenings WHERE reopenings.run_id = :run)
            AND bucket = 'cash' AND entry IS NOT NULL AND NOT {WITH_THE_BANK.format(debt="owed.id")}
            AND NOT EXISTS (SELECT 1 FROM transactions AS back WHERE back.related_transaction = owed.id)
        ORDER BY id
        """,
        {"run": run_id},
    )


def reopened_lines(connection: sqlite3.Connection, run_id: int) -> tuple[int, int]:
    """How many lines the reopening `run_id` is about, and how many of them another undone run still holds back."""
    row = connection.execute(
        """
        SELECT count(*), coalesce(sum(held), 0) FROM (
            SELECT EXISTS (
                SELECT 1 FROM undone_lines AS other
                WHERE other.line = undone_lines.line AND other.undone_run NOT IN (SELECT undone_run FROM reopenings)
            ) AS held
            FROM undone_lines
            WHERE undone_run IN (SELECT undone_run FROM reopenings WHERE reopenings.run_id = ?)
            GROUP BY line
        )
        """,
        (run_id,),
    ).fetchone()
    return row[0], row[1]


def contradicting_booking(connection: sqlite3.Connection, run_id: int) -> str | None:
    """A booking whose lines no longer agree, or exceed its order together, were the loads that `run_id` reopens to count.

    Undoing a load may give other lines of its bookings back what an earlier file has said of them.
    """
    row = connection.execute(
        f"""
        SELECT booking_id FROM (
            SELECT refund_lines.*
            FROM (
                SELECT DISTINCT line_versions.booking
                FROM undone_lines
                CROSS JOIN runs ON runs.id = undone_lines.undone_run AND runs.command = 'load'
                CROSS JOIN line_versions ON line_versions.id = undone_lines.line
                WHERE undone_run IN (SELECT undone_run FROM reopenings WHERE reopenings.run_id = ?)
                    AND EXISTS (
                        SELECT 1 FROM line_versions AS other
                        WHERE other.booking = line_versions.booking AND other.version = 1 AND other.id <> line_versions.id
                    )
            ) AS reopened
            CROSS JOIN refund_lines ON refund_lines.booking = reopened.booking
        )
        GROUP BY booking {_CONTRADICTING} LIMIT 1
        """,
        (run_id,),
    ).fetchone()
    return None if row is None else str(row[0])


_CONTRADICTING = """
    HAVING min(customer) <> max(customer) OR min(currency) <> max(currency)
        OR min(order_amount_minor) <> max(order_amount_minor) OR sum(refund_amount_minor) > max(order_amount_minor)
"""


# Top-ups


@dataclass(frozen=True, slots=True)
class Spent:
    """What can't be taken back any more, in minor units: from a card, or of a debt in cash that is paid or with the bank."""

    card: int | None
    amount_minor: int
    debt: int | None = None


@dataclass(frozen=True, slots=True)
class TakenBack:
    """What was taken back, by bucket, in minor units of `currency`; of how many refund lines; and what was spent.

    `spent` are the first cards and debts in cash only; `spent_cards`, `spent_debts` and `spent_minor` count all of them.
    """

    refunds: int
    currency: str
    paid_minor: int
    bonus_minor: int
    cash_minor: int
    fee_minor: int
    spent_cards: int
    spent_debts: int
    spent_minor: int
    spent: Sequence[Spent]


def take_back(connection: sqlite3.Connection, undone: int, reason: str | None, run_id: int) -> TakenBack | None:
    """Take the credits of the run `undone` back, where its cards still hold them; None where it has none.

    At most a bucket's balance, so that what was spent stays: taken from the first credits of the run first. Where a card was
    transferred since, its money is taken off the card that it has moved to in the end. What was owed in cash or kept as a fee
    goes whole, but for cash that is paid or with the bank: that is spent. The lines are undone, also those of which all is spent.
    """
    run_script(connection, _CREDITS_TABLES)
    # Only then, as an undo of a million credits must not look for the heir of each.
    card = find_heirs(connection).of("transactions.card")
    credits_ = f"""
        SELECT id, {card} AS card, bucket, amount_minor FROM transactions
        WHERE run_id = ? AND (entry IS NOT NULL OR contra_account = 'goodwill')
    """
    connection.execute(
        f"""
        INSERT INTO undone_balances
        SELECT card, bucket, sum(amount_minor) FROM transactions
        WHERE card IN (SELECT card FROM ({credits_}))
        GROUP BY card, bucket
        """,
        (undone,),
    )
    connection.execute(
        f"""
        INSERT INTO undone_credits
        SELECT
            id, credit.card, amount_minor,
            -- What the bucket holds, less what the run's credits before this one take from it.
            CASE
                WHEN credit.bucket = 'cash' THEN iif({WITH_THE_BANK.format(debt="credit.id")}, 0, amount_minor)
                WHEN credit.card IS NULL THEN amount_minor
                ELSE max(0, min(amount_minor, coalesce(balance_minor, 0) - before_minor))
            END
        FROM (
            SELECT
                id, card, bucket, amount_minor,
                iif(
                    card IS NULL, 0,
                    sum(amount_minor) OVER (PARTITION BY card, bucket ORDER BY id ROWS UNBOUNDED PRECEDING) - amount_minor
                ) AS before_minor
            FROM ({credits_})
        ) AS credit
        LEFT JOIN undone_balances ON undone_balances.card = credit.card AND undone_balances.bucket = credit.bucket
        ORDER BY id
        """,
        (undone,),
    )
    connection.execute(
        """
        INSERT INTO transactions (
            campaign, card, line, type, bucket, amount_minor, contra_account, reason, related_transaction, run_id
        )
        SELECT
            campaign, undone_credits.card, line, 'CREDITS_REMOVAL', bucket, -taken_minor, contra_account, :reason, id, :run
        FROM undone_credits CROSS JOIN transactions AS credit ON credit.id = undone_credits.credit
        WHERE taken_minor > 0
        ORDER BY credit
        """,
        {"reason": reason, "run": run_id},
    )
    connection.execute(
        """
        INSERT INTO undone_lines (line, undone_run, run_id)
        SELECT line, :undone, :run FROM transactions WHERE run_id = :undone AND entry = 1 ORDER BY line
        """,
        {"undone": undone, "run": run_id},
    )
    return _taken_back(connection)


_CREDITS_TABLES = """
    DROP TABLE IF EXISTS temp.undone_balances;
    DROP TABLE IF EXISTS temp.undone_credits;
    -- what the buckets of the cards concerned hold; once for each, as a card may have thousands of credits
    CREATE TEMP TABLE undone_balances (
        card INTEGER NOT NULL, bucket TEXT NOT NULL, balance_minor INTEGER NOT NULL, PRIMARY KEY (card, bucket)
    ) WITHOUT ROWID;
    CREATE TEMP TABLE undone_credits (
        credit INTEGER PRIMARY KEY, card INTEGER, amount_minor INTEGER NOT NULL, taken_minor INTEGER NOT NULL
    );
"""
_SPENT = """
    SELECT card, sum(amount_minor - taken_minor) AS spent_minor, iif(card IS NULL, credit, NULL) AS debt FROM undone_credits
    WHERE amount_minor > taken_minor GROUP BY card, debt
"""


def _taken_back(connection: sqlite3.Connection) -> TakenBack | None:
    buckets = ("paid", "bonus", "cash", "fee")
    sums = ", ".join(f"coalesce(sum(taken_minor) FILTER (WHERE bucket = '{name}'), 0)" for name in buckets)
    refunds, currency, paid, bonus, cash, fee = connection.execute(
        f"""
        SELECT count(DISTINCT line) FILTER (WHERE taken_minor > 0 AND bucket <> 'fee'), max(campaigns.currency), {sums}
        FROM undone_credits
        CROSS JOIN transactions ON transactions.id = undone_credits.credit
        CROSS JOIN campaigns ON campaigns.id = transactions.campaign
        """
    ).fetchone()
    if currency is None:
        return None
    of_all = f"SELECT count(card), count(debt), coalesce(sum(spent_minor), 0) FROM ({_SPENT})"
    cards, debts, minor = connection.execute(of_all).fetchone()
    listed = [Spent(*row) for row in connection.execute(f"{_SPENT} ORDER BY card, debt LIMIT {MOST_LISTED}")]
    return TakenBack(refunds, currency, paid, bonus, cash, fee, cards, debts, minor, listed)


# Publications


@dataclass(frozen=True, slots=True)
class Kept:
    """Something that stays as it is, as the run `held_by` stands on it: a card, or a refund line (its two ids)."""

    card: int | None
    booking_id: str | None
    refund_id: str | None
    held_by: int | None


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """What of a publication or a load was undone, how many rows of it stay, and the first of these.

    Of lines that a load changed, `restored` say again what they said before; of `overwritten` a later file has the last word.
    """

    undone: int
    kept_count: int
    kept: Sequence[Kept]
    restored: int = 0
    overwritten: int = 0


def deactivate(
    connection: sqlite3.Connection, undone: int, reason: str | None, run_id: int, *, with_lines: bool = True
) -> Withdrawn:
    """Deactivate the cards that the run `undone` published, for good; those with money of other top-ups on them stay.

    The lines that they were for are undone if they were known then and nothing else has funded them: for a card of
    a booking its lines, for a customer's one card all lines of the customer in the campaign's currency. A goodwill card was
    for none.
    """
    run_script(connection, _CARDS_TABLE)
    # What is dead already is left as it is. So is what is frozen: were its cash-out cancelled, the money would be on a dead
    # card; a later undo finds it alive or paid out.
    alive = " ".join(f"AND NOT {ending}" for ending in endings(connection, "held_cards.id"))
    stands_in = f"OR id IN ({_STANDS_IN})" if any_rows(connection, "transfers") else ""
    connection.execute(
        f"""
        INSERT INTO undone_cards
        SELECT
            id, campaign, customer, booking,
            coalesce((SELECT sum(amount_minor) FROM transactions WHERE transactions.card = held_cards.id), 0)
        FROM held_cards
        WHERE (run_id = :undone {stands_in}) {alive}
        """,
        {"undone": undone},
    )
    deactivated = connection.execute(
        """
        INSERT INTO card_events (card, event, reason, run_id)
        SELECT card, 'deactivated', ?, ? FROM undone_cards WHERE balance_minor = 0 ORDER BY card
        """,
        (reason, run_id),
    ).rowcount
    if deactivated and with_lines:
        _undo_published_lines(connection, undone, run_id)
    count = connection.execute("SELECT count(*) FROM undone_cards WHERE balance_minor > 0").fetchone()[0]
    kept = connection.execute(
        f"""
        SELECT card, NULL, NULL, (
            SELECT max(run_id) FROM ({_LINEAGE}) AS lineage CROSS JOIN transactions ON transactions.card = lineage.card
            WHERE type = 'CREDITS_ADDITION' AND (entry IS NOT NULL OR contra_account = 'goodwill')
                AND run_id NOT IN (SELECT undone_run FROM undoings)
        )
        FROM undone_cards WHERE balance_minor > 0 ORDER BY card LIMIT {MOST_LISTED}
        """
    )
    return Withdrawn(deactivated, count, [Kept(*row) for row in kept])


_CARDS_TABLE = """
    DROP TABLE IF EXISTS temp.undone_cards;
    CREATE TEMP TABLE undone_cards (
        card INTEGER PRIMARY KEY, campaign INTEGER NOT NULL, customer INTEGER NOT NULL, booking INTEGER,
        balance_minor INTEGER NOT NULL
    );
"""


# A card that was made, or taken from the pool, to replace a card of the undone run stands for that one, so it goes like it.
# One that also replaces a card of another run stays for that, as does one that its holder had before: they are not the
# undone run's to end, and once its money is taken back, nothing of it is left on them.
_STANDS_IN = """
    WITH RECURSIVE stands_in (card) AS (
        SELECT id FROM held_cards WHERE run_id = :undone
        UNION
        SELECT successor
        FROM stands_in
        CROSS JOIN transfers ON transfers.card = stands_in.card
        CROSS JOIN held_cards AS found ON found.id = transfers.successor AND found.run_id = transfers.run_id
        WHERE NOT EXISTS (SELECT 1 FROM transfers AS other WHERE other.successor = found.id AND other.card <> transfers.card)
    )
    SELECT card FROM stands_in
"""
# The card and those whose successor it is: where its money came from.
_LINEAGE = """
    WITH RECURSIVE replaced (card) AS (
        SELECT undone_cards.card
        UNION
        SELECT transfers.card FROM replaced CROSS JOIN transfers ON transfers.successor = replaced.card
    )
    SELECT card FROM replaced
"""


def _undo_published_lines(connection: sqlite3.Connection, undone: int, run_id: int) -> None:
    open_then = f"""
        first.run_id < :undone AND {_FUNDED_BY.format(line="first.id")} IS NULL
        AND NOT EXISTS (SELECT 1 FROM undone_lines WHERE undone_lines.line = first.id AND undone_run = :undone)
    """
    parameters = {"undone": undone, "run": run_id}
    connection.execute(
        f"""
        INSERT INTO undone_lines (line, undone_run, run_id)
        SELECT first.id, :undone, :run
        FROM undone_cards
        CROSS JOIN line_versions AS first ON first.booking = undone_cards.booking AND first.version = 1
        WHERE balance_minor = 0 AND {open_then}
        ORDER BY first.id
        """,
        parameters,
    )
    if not connection.execute("SELECT EXISTS (SELECT 1 FROM undone_cards WHERE booking IS NULL)").fetchone()[0]:
        return
    connection.execute("CREATE INDEX temp.undone_cards_customer ON undone_cards (customer)")
    connection.execute(
        f"""
        INSERT INTO undone_lines (line, undone_run, run_id)
        SELECT first.id, :undone, :run
        FROM refund_lines
        CROSS JOIN undone_cards ON undone_cards.customer = refund_lines.customer AND undone_cards.booking IS NULL
        CROSS JOIN campaigns ON campaigns.id = undone_cards.campaign AND campaigns.currency = refund_lines.currency
        CROSS JOIN line_versions AS first ON first.id = refund_lines.line
        WHERE balance_minor = 0 AND {open_then}
        ORDER BY first.id
        """,
        parameters,
    )


# Loads


def withdraw(connection: sqlite3.Connection, undone: int, run_id: int) -> Withdrawn:
    """Undo what the load `undone` said: its new lines are undone, and lines that it changed say again what they said before.

    Lines that another run has funded stay, as do changed ones that would contradict other lines of their booking. What a
    later file has said of a changed line counts.
    """
    run_script(connection, _LINES_TABLES)
    connection.execute(
        f"""
        INSERT INTO loaded_lines
        SELECT id, {_FUNDED_BY.format(line="line_versions.id")} FROM line_versions
        WHERE run_id = :undone AND version = 1
            AND NOT EXISTS (SELECT 1 FROM undone_lines WHERE line = line_versions.id AND undone_run = :undone)
        ORDER BY id
        """,
        {"undone": undone},
    )
    lines = connection.execute(
        """
        INSERT INTO undone_lines (line, undone_run, run_id)
        SELECT line, ?, ? FROM loaded_lines WHERE held_by IS NULL ORDER BY line
        """,
        (undone, run_id),
    ).rowcount
    overwritten = _find_changed_lines(connection, undone)
    restored = _restore(connection, run_id)
    stay = """
        SELECT line, held_by FROM loaded_lines WHERE held_by IS NOT NULL
        UNION
        SELECT line, held_by FROM changed_lines WHERE held_by IS NOT NULL
    """
    count = connection.execute(f"SELECT count(*) FROM ({stay})").fetchone()[0]
    kept = connection.execute(
        f"""
        SELECT NULL, booking_id, refund_id, nullif(held_by, 0)
        FROM ({stay} ORDER BY 1 LIMIT {MOST_LISTED}) AS stay CROSS JOIN refund_lines ON refund_lines.line = stay.line
        ORDER BY stay.line
        """
    )
    return Withdrawn(lines, count, [Kept(*row) for row in kept], restored, overwritten)


_LINES_TABLES = """
    DROP TABLE IF EXISTS temp.loaded_lines;
    DROP TABLE IF EXISTS temp.changed_lines;
    -- lines that the load brought in; held_by: the run that funds them
    CREATE TEMP TABLE loaded_lines (line INTEGER PRIMARY KEY, held_by INTEGER);
    -- lines of which it has the last word: what they say now, and said before; held_by: the run for which they must stay
    CREATE TEMP TABLE changed_lines (
        line INTEGER PRIMARY KEY, booking INTEGER NOT NULL, now INTEGER NOT NULL, before INTEGER NOT NULL,
        held_by INTEGER
    );
"""
_SAID = """
    customer, order_amount_minor, refund_amount_minor, cash_amount_minor, bonus_amount_minor, currency, booked_at,
    cancelled_at, tickets, segment, metadata_digest, withdrawn
"""
_SAME = " AND ".join(f"{{one}}.{name.strip()} IS {{other}}.{name.strip()}" for name in _SAID.split(","))
_BY_AN_UNDO = "(SELECT command = 'undo' FROM runs WHERE runs.id = {version}.run_id)"


def _find_changed_lines(connection: sqlite3.Connection, undone: int) -> int:
    """Find the lines that say what the load said of them, and what they said before it; give the number of the others.

    That is its own version, or one with which the undo of a later load has brought it back; and before it, the last one
    that is neither such nor of an undone load.
    """
    found = connection.execute(
        f"""
        INSERT INTO changed_lines
        SELECT first.id, first.booking, now.id, before.id, {_FUNDED_BY.format(line="first.id")}
        FROM line_versions AS said
        CROSS JOIN line_versions AS first
            ON first.booking = said.booking AND first.refund_id = said.refund_id AND first.version = 1
        CROSS JOIN line_versions AS now ON now.id = (
            SELECT later.id FROM line_versions AS later
            WHERE later.booking = said.booking AND later.refund_id = said.refund_id AND later.version > 1
            ORDER BY later.version DESC LIMIT 1
        )
        CROSS JOIN line_versions AS before ON before.id = coalesce(
            (
                SELECT earlier.id FROM line_versions AS earlier
                WHERE earlier.booking = said.booking AND earlier.refund_id = said.refund_id AND earlier.version > 1
                    AND earlier.version < said.version
                    AND earlier.run_id NOT IN (SELECT undone_run FROM undoings)
                    AND NOT {_BY_AN_UNDO.format(version="earlier")}
                ORDER BY earlier.version DESC LIMIT 1
            ),
            first.id
        )
        WHERE said.run_id = ? AND said.version > 1
            AND (now.id = said.id OR ({_BY_AN_UNDO.format(version="now")} AND {_SAME.format(one="now", other="said")}))
            AND NOT ({_SAME.format(one="now", other="before")})
        ORDER BY first.id
        """,
        (undone,),
    ).rowcount
    # Funded before this load: what the line was funded by is what it said then, so that is brought back.
    connection.execute("UPDATE changed_lines SET held_by = NULL WHERE held_by < ?", (undone,))
    _keep_in_its_currency(connection)
    _keep_contradicting(connection)
    said = "SELECT count(*) FROM line_versions WHERE run_id = ? AND version > 1"
    return int(connection.execute(said, (undone,)).fetchone()[0]) - found


def _keep_in_its_currency(connection: sqlite3.Connection) -> None:
    """A line that was ever funded stays in that currency: what was spent of it counts when it is funded again."""
    connection.execute(
        """
        UPDATE changed_lines SET held_by = 0
        WHERE held_by IS NULL
            AND (SELECT currency FROM line_versions WHERE id = now)
                <> (SELECT currency FROM line_versions WHERE id = before)
            AND EXISTS (SELECT 1 FROM transactions WHERE transactions.line = changed_lines.line AND entry = 1)
        """
    )


def _keep_contradicting(connection: sqlite3.Connection) -> None:
    connection.execute(
        f"""
        UPDATE changed_lines SET held_by = coalesce(
            (
                SELECT max(other.run_id) FROM line_versions AS other
                WHERE other.booking = changed_lines.booking AND other.version = 1 AND other.id <> changed_lines.line
            ),
            0
        )
        WHERE held_by IS NULL AND booking IN (
            SELECT booking FROM (
                SELECT before.booking, customer, currency, order_amount_minor, refund_amount_minor
                FROM changed_lines CROSS JOIN line_versions AS before ON before.id = changed_lines.before
                WHERE held_by IS NULL
                UNION ALL
                SELECT other.booking, other.customer, currency, order_amount_minor, refund_amount_minor
                FROM (SELECT DISTINCT booking FROM changed_lines) AS changed
                CROSS JOIN refund_lines AS other ON other.booking = changed.booking
                WHERE line NOT IN (SELECT line FROM changed_lines WHERE held_by IS NULL)
                    AND line NOT IN (SELECT line FROM loaded_lines WHERE held_by IS NULL)
            )
            GROUP BY booking {_CONTRADICTING}
        )
        """
    )


def _restore(connection: sqlite3.Connection, run_id: int) -> int:
    before = connection.execute("SELECT coalesce(max(id), 0) FROM line_versions").fetchone()[0]
    said = ", ".join(f"before.{name.strip()}" for name in _SAID.split(","))
    restored = connection.execute(
        f"""
        INSERT INTO line_versions (booking, refund_id, version, {_SAID}, run_id)
        SELECT before.booking, before.refund_id, now.version + 1, {said}, ?
        FROM changed_lines
        CROSS JOIN line_versions AS now ON now.id = changed_lines.now
        CROSS JOIN line_versions AS before ON before.id = changed_lines.before
        WHERE held_by IS NULL
        ORDER BY changed_lines.line
        """,
        (run_id,),
    ).rowcount
    if restored:
        connection.execute(
            """
            INSERT INTO line_metadata (line_version, metadata, salt)
            SELECT new.id, metadata, salt
            FROM line_versions AS new
            CROSS JOIN line_versions AS first
                ON first.booking = new.booking AND first.refund_id = new.refund_id AND first.version = 1
            CROSS JOIN changed_lines ON changed_lines.line = first.id
            CROSS JOIN line_metadata ON line_metadata.line_version = changed_lines.before
            WHERE new.id > ?
            """,
            (before,),
        )
    return restored


# Hand-overs


def open_batches_of(connection: sqlite3.Connection, undone: Sequence[int]) -> list[Batch]:
    """The batches without their files that one of these runs has reserved, or that hold a credit of theirs."""
    found = []
    for batch in open_batches(connection):
        if batch.run_id in undone or any(_holds(connection, batch, one) for one in undone):
            found.append(batch)
    return found


def _holds(connection: sqlite3.Connection, batch: Batch, run_id: int) -> bool:
    held = """
        SELECT EXISTS (
            SELECT 1 FROM batch_ranges
            CROSS JOIN transactions ON transactions.id BETWEEN first_transaction AND last_transaction
            WHERE batch = ? AND transactions.campaign = batch_ranges.campaign AND transactions.run_id = ?
        )
    """
    return bool(connection.execute(held, (batch.batch_id, run_id)).fetchone()[0])
