"""Whether the books are in order: one ordered list of checks, each silent where it finds nothing."""

import sqlite3
from collections.abc import Iterator

from refundctl.ledger.bookings.line_versions import newest_version
from refundctl.ledger.checks import cards_in_order, cash_in_order, redemptions_in_order
from refundctl.ledger.checks.findings import MOST_OF_ONE_KIND, Finding, broken
from refundctl.ledger.checks.redemptions_in_order import MOVED_TO, register_days
from refundctl.ledger.file import schema
from refundctl.ledger.file.sql import any_rows
from refundctl.ledger.funding.amounts_by_policy import BONUS_SLOT, FEE_SLOT
from refundctl.ledger.funding.publishing import CODE_KEY
from refundctl.ledger.funding.topping_up import BACK_SLOT, CASH_SLOT
from refundctl.ledger.journal import seals
from refundctl.ledger.journal.salted_digests import METADATA_TEXT, PERSON_TEXT, register_sha256
from refundctl.ledger.people.finding_people import PSEUDONYMS


def check_file(connection: sqlite3.Connection) -> list[Finding]:
    """What SQLite itself says of the file's pages and indexes."""
    try:
        rows = connection.execute(f"PRAGMA integrity_check({MOST_OF_ONE_KIND})").fetchall()
    except sqlite3.DatabaseError as error:
        return [Finding("file_damaged", f"SQLite can't read the file: {error}. Go back to the last backup.")]
    return [
        Finding("file_damaged", f"SQLite finds the file damaged: {line}. Go back to the last backup.")
        for (text,) in rows
        for line in text.splitlines()
        if text != "ok"
    ]


def check_books(connection: sqlite3.Connection) -> Iterator[Finding]:
    """Everything that must be true of the rows, whatever campaign they belong to."""
    register_sha256(connection)
    for check in (
        _schema,
        _references,
        _seals,
        _people,
        _metadata,
        _codes,
        _credits,
        _undoings,
        _approvals,
        _pauses,
        _balances,
        _life_of_cards,
    ):
        try:
            yield from check(connection)
        except sqlite3.Error as error:
            # A table or column is missing, which the first check has named.
            yield Finding("not_checked", f"The check of{check.__name__.replace('_', ' ')} could not be made: {error}.")


def check_against(connection: sqlite3.Connection, kept: seals.Seal) -> Iterator[Finding]:
    """Compare with a seal that was kept elsewhere: shows a cut-off tail, an old copy, or a rewritten past."""
    if kept.ledger_id != seals.ledger_id(connection):
        yield Finding("other_ledger", "The seal that was kept is of another ledger.")
        return
    row = connection.execute("SELECT digest FROM seals WHERE id = ?", (kept.number,)).fetchone()
    if row is None:
        yield Finding(
            "tail_missing",
            f"Seal {kept.number} (run {kept.run_id}) is missing: runs at the end were cut off, or this is an old copy.",
        )
    elif row[0] != kept.digest:
        yield Finding("past_rewritten", f"Seal {kept.number} (run {kept.run_id}) is not the one that was kept.")


def _schema(connection: sqlite3.Connection) -> Iterator[Finding]:
    for difference in schema.differences(connection):
        yield Finding("schema_altered", f"{difference[0].upper()}{difference[1:]}: the ledger was altered by hand.")


def _references(connection: sqlite3.Connection) -> Iterator[Finding]:
    rows = connection.execute("PRAGMA foreign_key_check").fetchmany(MOST_OF_ONE_KIND)
    for table, row, parent, _ in rows:
        yield Finding("reference_broken", f"Row {row} of {table} names a row of {parent} that is not there.")


def _seals(connection: sqlite3.Connection) -> Iterator[Finding]:
    """Compute every seal again from the rows; a row that belongs to no sealed run shows too."""
    found = seals.digests_by_run(connection)
    runs = {row[0] for row in connection.execute("SELECT id FROM runs")}
    previous, sealed = "", set()
    chain = connection.execute("SELECT id, run_id, encoding, digest FROM seals ORDER BY id").fetchall()
    for expected, (number, run_id, encoding, digest) in enumerate(chain, start=1):
        sealed.add(run_id)
        if number != expected or encoding != seals.ENCODING:
            yield Finding("seal_broken", f"Seal {expected} is missing or out of order (seal {number} stands there).")
        digests = {table: rows[run_id] for table, rows in found.items() if run_id in rows}
        if seals.chained(connection, run_id, previous, digests) != digest:
            yield Finding("seal_broken", f"Run {run_id} is not as it was sealed: a row was changed, added or removed.")
        previous = digest
    for run_id in sorted(runs - sealed):
        yield Finding("run_unsealed", f"Run {run_id} has no seal.")
    for table, rows in found.items():
        for run_id in sorted(rows.keys() - sealed - runs, key=str):
            yield Finding("row_unsealed", f"{table} has {rows[run_id][0]} row(s) that belong to no run ({run_id}).")


def _people(connection: sqlite3.Connection) -> Iterator[Finding]:
    """Each person is as the last run that spoke of them sealed it; of who was erased only a pseudonym is left."""
    rows = connection.execute(
        f"""
        SELECT customers.id
        FROM customers
        LEFT JOIN (SELECT customer, max(id), digest FROM customer_versions GROUP BY customer) AS version
            ON version.customer = customers.id
        LEFT JOIN erasures ON erasures.customer = customers.id
        WHERE iif(
            erasures.customer IS NULL,
            salt IS NULL OR sha256({PERSON_TEXT}) IS NOT version.digest,
            coalesce(salt, email, name, phone, locale, marketing_consent, country) IS NOT NULL OR from_people_file
                OR customer_id IS NULL OR customer_id NOT GLOB '{PSEUDONYMS}'
        )
        """
    ).fetchmany(MOST_OF_ONE_KIND)
    for (customer,) in rows:
        yield Finding(
            "person_altered",
            f"Customer number {customer} is not as it was sealed: a name, e-mail or id was changed.",
        )


def _metadata(connection: sqlite3.Connection) -> Iterator[Finding]:
    text = METADATA_TEXT.format(salt="salt", metadata="metadata")
    rows = connection.execute(
        f"""
        SELECT line_versions.id FROM line_metadata
        LEFT JOIN line_versions ON line_versions.id = line_metadata.line_version
        WHERE metadata_digest IS NOT sha256({text})
        UNION ALL
        SELECT line_versions.id
        FROM line_versions
        WHERE metadata_digest IS NOT NULL
            AND NOT EXISTS (SELECT 1 FROM line_metadata WHERE line_version = line_versions.id)
            AND NOT {_OF_THE_ERASED.format(versions="version = 1")} AND NOT {_OF_THE_ERASED.format(versions="version > 1")}
        """
    ).fetchmany(MOST_OF_ONE_KIND)
    for (version,) in rows:
        yield Finding("metadata_altered", f"The metadata of line version {version} is not as it was sealed.")


# Metadata goes with whoever it was of, also where a later version of the line has only carried it on.
_OF_THE_ERASED = """
    EXISTS (
        SELECT 1 FROM line_versions AS same CROSS JOIN erasures ON erasures.customer = same.customer
        WHERE same.booking = line_versions.booking AND same.refund_id = line_versions.refund_id AND same.{versions}
    )
"""


def _codes(connection: sqlite3.Connection) -> Iterator[Finding]:
    key = CODE_KEY.format(code="cards.code")
    rows = connection.execute(
        f"""
        SELECT cards.id FROM cards LEFT JOIN codes ON codes.code_key = {key}
        WHERE codes.card IS NOT cards.id
        UNION ALL
        SELECT codes.card FROM codes LEFT JOIN cards ON cards.id = codes.card
        WHERE {key} IS NOT codes.code_key
        """
    ).fetchmany(MOST_OF_ONE_KIND)
    for (card,) in rows:
        yield Finding("code_index_broken", f"The code of card c{card} and the index of codes disagree.")


# What a refund line is given settles the refund, but for bonuses; the reason of what a rule makes is the rule's name.
_SETTLED = "{row}.bucket <> 'bonus'"
_BACK = "{row}.bucket = 'bonus' AND {row}.reason IS NULL"
_CASH = "{row}.bucket = 'cash'"


def _credits(connection: sqlite3.Connection) -> Iterator[Finding]:
    """What a refund line was given is what it is owed, in the campaign's currency, on that campaign's and customer's card.

    Asked of the funding that stands, as files may say something else after an undo.
    """
    rows = connection.execute(
        f"""
        SELECT first.id
        FROM transactions AS first
        LEFT JOIN line_versions AS line ON line.id = first.line AND line.version = 1
        LEFT JOIN line_versions AS now ON now.id = {newest_version("line")}
        LEFT JOIN campaigns ON campaigns.id = first.campaign
        LEFT JOIN cards ON cards.id = first.card
        LEFT JOIN assignments ON assignments.card = first.card
        WHERE first.entry = 1 AND first.run_id NOT IN (SELECT undone_run FROM undoings) AND (
            now.currency IS NOT campaigns.currency
            OR (first.card IS NOT NULL AND (
                cards.campaign IS NOT first.campaign
                OR coalesce(assignments.customer, cards.customer) IS NOT now.customer
            ))
            OR {_given(_SETTLED)} IS NOT {_still_owed("now.refund_amount_minor", _SETTLED)}
            OR {_given(_BACK)} IS NOT {_still_owed("now.bonus_amount_minor", _BACK)}
            -- More is owed in cash only where it is instead of what would be paid.
            OR CASE
                WHEN first.bucket = 'paid'
                    THEN {_given(_CASH)} IS NOT {_still_owed("now.cash_amount_minor", _CASH)}
                WHEN first.funding = 1 THEN {_given(_CASH)} < now.cash_amount_minor
            END
        )
        """
    ).fetchmany(MOST_OF_ONE_KIND)
    for (transaction,) in rows:
        yield Finding("credit_wrong", f"Transaction {transaction} is not what its refund line is owed.")
    yield from _fundings(connection)
    yield from _removals(connection)


def _given(kind: str) -> str:
    """SQL for what the funding that begins with `first` has given of a kind."""
    return f"""(
        iif({kind.format(row="first")}, first.amount_minor, 0) + coalesce((
            SELECT sum(further.amount_minor) FROM transactions AS further
            WHERE further.line = first.line AND further.funding = first.funding AND further.entry > 1
                AND {kind.format(row="further")}
        ), 0)
    )"""


def _still_owed(owed: str, kind: str) -> str:
    """SQL for what is owed when a line is funded: the next time, less what was spent of the times before."""
    left = " + ".join(
        f"""coalesce((
            SELECT sum(own.amount_minor)
            FROM transactions AS own JOIN transactions AS credit ON credit.id = coalesce(own.related_transaction, own.id)
            WHERE own.line = first.line AND own.entry {entries} AND credit.funding < first.funding
                AND {kind.format(row="credit")}
        ), 0)"""
        for entries in ("= 1", "> 1", "IS NULL")  # a partial index finds each
    )
    return f"iif(first.funding = 1, {owed}, max(0, {owed} - ({left})))"


def _fundings(connection: sqlite3.Connection) -> Iterator[Finding]:
    """A refund line is funded by one run onto one card; each part and rule's share has one entry and account."""
    rows = connection.execute(
        f"""
        SELECT own.id
        FROM transactions AS own
        WHERE own.entry IS NOT NULL AND (
            own.contra_account = iif(own.bucket = 'bonus', 'bonuses_owed', 'refunds_owed')
            AND CASE
                WHEN own.entry = 1 THEN (own.bucket = 'bonus' OR (own.bucket = 'fee') = (own.reason IS NOT NULL))
                    AND (own.funding = 1 OR {_REOPENED})
                WHEN own.reason IS NULL THEN (own.bucket = 'bonus' AND own.entry = {BACK_SLOT})
                    OR (own.bucket = 'cash' AND own.entry = {CASH_SLOT})
                WHEN own.bucket = 'bonus' THEN own.entry BETWEEN {BONUS_SLOT} AND {FEE_SLOT - 1}
                ELSE own.bucket = 'fee' AND own.entry >= {FEE_SLOT}
            END
            AND (own.entry = 1 OR {_BEGUN})
            AND (own.reason IS NULL OR NOT {_TWICE})
        ) IS NOT TRUE
        """
    ).fetchmany(MOST_OF_ONE_KIND)
    for (transaction,) in rows:
        yield Finding("credit_wrong", f"Transaction {transaction} does not belong to the funding of its refund line.")


_REOPENED = """EXISTS (
    SELECT 1 FROM transactions AS before JOIN reopenings ON reopenings.undone_run = before.run_id
    WHERE before.line = own.line AND before.entry = 1 AND before.funding = own.funding - 1 AND reopenings.run_id < own.run_id
)"""
_BEGUN = """EXISTS (
    SELECT 1 FROM transactions AS first
    WHERE first.line = own.line AND first.entry = 1 AND first.funding = own.funding
        AND first.run_id = own.run_id AND first.campaign = own.campaign
        AND (own.card IS NULL OR own.card = first.card)
        AND (own.bucket <> first.bucket OR own.reason IS NOT first.reason)
        -- A rule's bonus is on what is paid, if only the time before.
        AND (own.bucket <> 'bonus' OR own.reason IS NULL OR first.bucket = 'paid' OR first.funding > 1)
)"""
_TWICE = """EXISTS (
    SELECT 1 FROM transactions AS same
    WHERE same.line = own.line AND same.funding = own.funding AND same.entry > 1 AND same.entry > own.entry
        AND same.bucket = own.bucket AND same.reason = own.reason
)"""


def _removals(connection: sqlite3.Connection) -> Iterator[Finding]:
    """What takes a credit back is of its line, bucket and accounts, by its undoing, and takes no more than there was.

    Off the card that it is on by then, where that is another one.
    """
    rows = connection.execute(
        f"""
        SELECT removal.id
        FROM transactions AS removal
        LEFT JOIN transactions AS credit ON credit.id = removal.related_transaction
        WHERE removal.type = 'CREDITS_REMOVAL' AND removal.contra_account IN ('refunds_owed', 'bonuses_owed', 'goodwill') AND (
            credit.type IS NOT 'CREDITS_ADDITION' OR (credit.entry IS NULL) <> (removal.contra_account = 'goodwill')
            OR credit.campaign IS NOT removal.campaign OR credit.line IS NOT removal.line OR credit.bucket IS NOT removal.bucket
            OR NOT {MOVED_TO.format(card="credit.card", other="removal.card", run="removal.run_id")}
            OR credit.contra_account IS NOT removal.contra_account
            OR credit.amount_minor + (
                SELECT sum(amount_minor) FROM transactions AS other WHERE other.related_transaction = credit.id
            ) < 0
            OR NOT EXISTS (
                SELECT 1 FROM undoings WHERE undone_run = credit.run_id AND undoings.run_id = removal.run_id
                UNION ALL
                -- Cash that the bank had then, and has rejected.
                SELECT 1 FROM reopenings
                WHERE undone_run = credit.run_id AND reopenings.run_id = removal.run_id AND removal.bucket = 'cash'
            )
        )
        """
    ).fetchmany(MOST_OF_ONE_KIND)
    for (transaction,) in rows:
        yield Finding("removal_wrong", f"Transaction {transaction} takes back what was not given like that.")


def _undoings(connection: sqlite3.Connection) -> Iterator[Finding]:
    """Batches are undone, by an undo after them; only what was undone is reopened; their lines and credits say so."""
    rows = connection.execute(
        """
        SELECT undone_run FROM undoings
        LEFT JOIN runs AS done ON done.id = undone_run
        LEFT JOIN runs AS undo ON undo.id = undoings.run_id
        WHERE coalesce(done.command NOT IN ('load', 'publish', 'topup', 'run', 'apply', 'card issue'), TRUE)
            OR undo.command IS NOT 'undo' OR undone_run >= undoings.run_id
        UNION
        SELECT undone_run FROM reopenings LEFT JOIN runs AS undo ON undo.id = reopenings.run_id
        WHERE undo.command IS NOT 'undo' OR NOT EXISTS (
            SELECT 1 FROM undoings WHERE undoings.undone_run = reopenings.undone_run AND undoings.run_id < reopenings.run_id
        )
        UNION
        SELECT undone_run FROM undone_lines
        WHERE NOT EXISTS (
            SELECT 1 FROM undoings
            WHERE undoings.undone_run = undone_lines.undone_run AND undoings.run_id <= undone_lines.run_id
        )
        """
    ).fetchmany(MOST_OF_ONE_KIND)
    for (run_id,) in rows:
        yield Finding("undoing_wrong", f"Run {run_id} was not undone, or reopened, as the ledger has it.")
    yield from _undone_credits(connection)


# Cash that was paid when its run was undone, or was in a file for the bank that was not rejected by then.
_WITH_THE_BANK = """EXISTS (
    SELECT 1 FROM undoings
    WHERE undoings.undone_run = own.run_id AND (
        EXISTS (
            SELECT 1 FROM cash_outcomes
            WHERE cash_outcomes.debt = own.id AND outcome = 'paid' AND cash_outcomes.run_id < undoings.run_id
        )
        OR EXISTS (
            SELECT 1 FROM cash_orders LEFT JOIN cash_rejections ON cash_order = cash_orders.id
            WHERE cash_orders.debt = own.id AND cash_orders.run_id < undoings.run_id
                AND (cash_rejections.run_id IS NULL OR cash_rejections.run_id > undoings.run_id)
        )
    )
)"""


def _undone_credits(connection: sqlite3.Connection) -> Iterator[Finding]:
    """Of an undone top-up, cash that is not with the bank and fees are taken back whole, and each line is set aside."""
    rows = connection.execute(
        f"""
        SELECT own.id FROM transactions AS own
        WHERE own.run_id IN (SELECT undone_run FROM undoings) AND (
            (own.entry = 1 AND NOT EXISTS (
                SELECT 1 FROM undone_lines WHERE undone_lines.line = own.line AND undone_run = own.run_id
            ))
            OR (own.entry IS NOT NULL AND own.card IS NULL AND own.amount_minor + coalesce(
                (SELECT sum(amount_minor) FROM transactions AS other WHERE other.related_transaction = own.id), 0
            ) <> 0 AND NOT {_WITH_THE_BANK})
        )
        """
    ).fetchmany(MOST_OF_ONE_KIND)
    for (transaction,) in rows:
        yield Finding(
            "undoing_wrong", f"Transaction {transaction} is of an undone run, and was not undone as it should be."
        )


def _approvals(connection: sqlite3.Connection) -> Iterator[Finding]:
    """A plan is applied by the approval of that very plan, given before and by another user."""
    rows = connection.execute(
        """
        SELECT applied_plans.run_id
        FROM applied_plans
        LEFT JOIN runs AS applying ON applying.id = applied_plans.run_id
        LEFT JOIN approvals ON approvals.id = approval
        LEFT JOIN runs AS approving ON approving.id = approvals.run_id
        WHERE applying.command IS NOT 'apply' OR (approval IS NOT NULL AND (
            approvals.plan IS NOT applied_plans.plan OR approvals.campaign IS NOT applying.campaign
            OR approving.command IS NOT 'approve' OR approving.user_id IS applying.user_id
            OR approvals.run_id >= applied_plans.run_id
        ))
        """
    ).fetchmany(MOST_OF_ONE_KIND)
    for (run_id,) in rows:
        yield Finding("approval_wrong", f"Run {run_id} applied a plan that nobody else had approved like that.")


def _pauses(connection: sqlite3.Connection) -> Iterator[Finding]:
    """A campaign is paused and resumed in turn."""
    rows = connection.execute(
        """
        SELECT events.run_id, name FROM (
            SELECT id, campaign, run_id, event, lag(event, 1, 'resumed') OVER (PARTITION BY campaign ORDER BY id) AS before
            FROM campaign_events
        ) AS events
        LEFT JOIN campaigns ON campaigns.id = events.campaign
        WHERE event IS before
        ORDER BY events.id
        """
    ).fetchmany(MOST_OF_ONE_KIND)
    for run_id, name in rows:
        yield Finding("pause_wrong", f"Run {run_id} paused or resumed the campaign {name}, which was so already.")


def _balances(connection: sqlite3.Connection) -> Iterator[Finding]:
    rows = connection.execute(
        """
        SELECT card, bucket FROM transactions WHERE card IS NOT NULL
        GROUP BY card, bucket HAVING sum(amount_minor) < 0
        """
    ).fetchmany(MOST_OF_ONE_KIND)
    for card, bucket in rows:
        yield Finding("balance_negative", f"Card c{card} has less than nothing in its {bucket} bucket.")


_LIFE_OF_CARDS = (*redemptions_in_order.CHECKS, *cards_in_order.CHECKS, *cash_in_order.CHECKS)


def _life_of_cards(connection: sqlite3.Connection) -> Iterator[Finding]:
    """What becomes of cards once they are funded: most ledgers have little of it, and only that is looked at."""
    register_days(connection)
    accounts = connection.execute("SELECT DISTINCT contra_account FROM transactions WHERE entry IS NULL").fetchall()
    tables = {name for check in _LIFE_OF_CARDS for name in check.of} & {table.name for table in seals.TABLES}
    present = {*(account for (account,) in accounts), *(table for table in tables if any_rows(connection, table))}
    yield from broken(connection, _LIFE_OF_CARDS, present)
