"""Whether the books are sound: one ordered list of checks, each silent where it finds nothing."""

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass

from refundctl.ledger import schema, seals
from refundctl.ledger.posting.bookings import METADATA_TEXT, PERSON_TEXT, register_functions
from refundctl.ledger.posting.cards import CODE_KEY


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong with the books."""

    code: str
    message: str

    def as_json(self) -> dict[str, str]:
        """As it stands in JSON output."""
        return {"code": self.code, "message": self.message}


MOST_OF_ONE_KIND = 100  # a damaged page may hit thousands of rows; the first ones tell enough


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
    register_functions(connection)
    for check in (_schema, _references, _seals, _people, _metadata, _codes, _credits, _balances):
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
    """Each person is as the last run that spoke of them sealed it; where salt and person are erased, nothing is compared."""
    rows = connection.execute(
        f"""
        SELECT customers.id
        FROM customers
        LEFT JOIN (SELECT customer, max(id), digest FROM customer_versions GROUP BY customer) AS version
            ON version.customer = customers.id
        WHERE iif(
            salt IS NULL,
            coalesce(customer_id, email, name, phone, locale, marketing_consent, country) IS NOT NULL OR from_people_file,
            sha256({PERSON_TEXT}) IS NOT version.digest
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
        FROM line_versions JOIN customers ON customers.id = line_versions.customer
        WHERE metadata_digest IS NOT NULL AND customers.salt IS NOT NULL
            AND NOT EXISTS (SELECT 1 FROM line_metadata WHERE line_version = line_versions.id)
        """
    ).fetchmany(MOST_OF_ONE_KIND)
    for (version,) in rows:
        yield Finding("metadata_altered", f"The metadata of line version {version} is not as it was sealed.")


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


def _credits(connection: sqlite3.Connection) -> Iterator[Finding]:
    """A credit is what its refund line was owed, in the campaign's currency, on a card of that campaign and customer."""
    rows = connection.execute(
        """
        SELECT transactions.id
        FROM transactions
        LEFT JOIN refund_lines ON refund_lines.line = transactions.line
        LEFT JOIN campaigns ON campaigns.id = transactions.campaign
        LEFT JOIN cards ON cards.id = transactions.card
        LEFT JOIN assignments ON assignments.card = transactions.card
        WHERE entry IS NOT NULL AND (
            amount_minor IS NOT CASE bucket
                WHEN 'paid' THEN refund_lines.refund_amount_minor - refund_lines.cash_amount_minor
                WHEN 'bonus' THEN refund_lines.bonus_amount_minor
                WHEN 'cash' THEN refund_lines.cash_amount_minor
            END
            OR contra_account IS NOT iif(bucket = 'bonus', 'bonuses_owed', 'refunds_owed')
            OR refund_lines.currency IS NOT campaigns.currency
            OR (bucket <> 'cash' AND (
                cards.campaign IS NOT transactions.campaign
                OR coalesce(assignments.customer, cards.customer) IS NOT refund_lines.customer
            ))
            OR (entry = 1 AND (
                SELECT 1 + count(*) FROM transactions AS further
                WHERE further.line = transactions.line AND further.entry > 1
            ) IS NOT
                (refund_lines.refund_amount_minor > refund_lines.cash_amount_minor)
                + (refund_lines.bonus_amount_minor > 0) + (refund_lines.cash_amount_minor > 0)
            )
        )
        """
    ).fetchmany(MOST_OF_ONE_KIND)
    for (transaction,) in rows:
        yield Finding("credit_wrong", f"Transaction {transaction} is not what its refund line is owed.")
    yield from _fundings(connection)


def _fundings(connection: sqlite3.Connection) -> Iterator[Finding]:
    """A refund line is funded by one run, in entries counted from 1, one for each part that it is owed."""
    rows = connection.execute(
        """
        SELECT further.id
        FROM transactions AS further
        LEFT JOIN transactions AS first ON first.line = further.line AND first.entry = 1
        WHERE further.entry > 1 AND (
            first.run_id IS NOT further.run_id OR first.campaign IS NOT further.campaign
            OR first.bucket IS further.bucket OR EXISTS (
                SELECT 1 FROM transactions AS same
                WHERE same.line = further.line AND same.entry > 1 AND same.bucket = further.bucket
                    AND same.id <> further.id
            )
            OR further.entry <> (
                SELECT count(*) FROM transactions AS own
                WHERE own.line = further.line AND own.entry > 1 AND own.entry <= further.entry
            ) + 1
        )
        """
    ).fetchmany(MOST_OF_ONE_KIND)
    for (transaction,) in rows:
        yield Finding("credit_wrong", f"Transaction {transaction} does not belong to the funding of its refund line.")


def _balances(connection: sqlite3.Connection) -> Iterator[Finding]:
    rows = connection.execute(
        """
        SELECT card, bucket FROM transactions WHERE card IS NOT NULL
        GROUP BY card, bucket HAVING sum(amount_minor) < 0
        """
    ).fetchmany(MOST_OF_ONE_KIND)
    for card, bucket in rows:
        yield Finding("balance_negative", f"Card c{card} has less than nothing in its {bucket} bucket.")
