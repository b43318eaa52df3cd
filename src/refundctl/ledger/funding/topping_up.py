"""Topping up: what each open refund line is given goes onto its holder's card, once.

What a line is given was settled before (see ledger.settling); here it becomes transactions.
"""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from refundctl.ledger.cards.state import live
from refundctl.ledger.file.sql import any_rows
from refundctl.ledger.funding.bonus_totals import limit_totals
from refundctl.ledger.funding.considered_lines import State
from refundctl.ledger.funding.publishing import Holding, cards_of, day_of

BUCKETS = ("paid", "bonus", "fee", "cash")
BACK_SLOT, CASH_SLOT = 2, 3  # entries of bonuses given back and of cash, where they don't come first


# The table and column of what a rule gives, its name, and the entry that it makes.
_RuleColumn = tuple[str, str, str, int]


@dataclass(frozen=True, slots=True)
class PostedCredits:
    """How many refund lines were funded, of how many fees take all, and how much of each bucket, in minor units."""

    funded: int
    kept: int
    paid_minor: int
    bonus_minor: int
    fee_minor: int
    cash_minor: int


@dataclass(frozen=True, slots=True)
class _Posting:
    """The credits of one run."""

    connection: sqlite3.Connection
    campaign: int
    run_id: int

    def onto_cards(self, holding: Holding, cards: str) -> None:
        """Credit every open considered line to its holder's newest live card: what is paid, then what is given back."""
        self._onto_cards(holding, cards, "paid", "refunds_owed", "paid_minor", "1", self._funding("considered.line"))
        if any_rows(self.connection, "considered WHERE bonus_minor > rule_bonus_minor"):
            entry = f"iif(paid_minor > 0, {BACK_SLOT}, 1)"
            funding = self._funding("considered.line", "paid_minor > 0")
            self._onto_cards(holding, cards, "bonus", "bonuses_owed", "bonus_minor - rule_bonus_minor", entry, funding)
        rules = self._rules("bonus")
        if any_rows(self.connection, "reopenings"):
            for settled, column, rule, _ in rules:
                self._first_bonus(holding, cards, settled, column, rule)
        self._by_rules(rules)

    def _onto_cards(
        self, holding: Holding, cards: str, bucket: str, contra: str, amount: str, entry: str, funding: str
    ) -> None:
        self.connection.execute(
            f"""
            INSERT INTO transactions (
                id, campaign, card, line, type, bucket, amount_minor, contra_account, entry, funding, run_id
            )
            SELECT
                NULL, :campaign, cards.id, considered.line, 'CREDITS_ADDITION', '{bucket}', {amount}, '{contra}', {entry},
                {funding}, :run
            FROM considered CROSS JOIN {cards} ON {holding.match}
            WHERE state = {State.OPEN:d} AND {live(self.connection)} {_newest(self.connection, holding, cards)}
                AND {amount} > 0
            ORDER BY considered.booking, considered.line
            """,
            {**holding.parameters(), "run": self.run_id},
        )

    def _first_bonus(self, holding: Holding, cards: str, settled: str, column: str, rule: str) -> None:
        """A reopened line of which all that was paid is spent is funded by its bonus alone."""
        self.connection.execute(
            f"""
            INSERT INTO transactions (
                id, campaign, card, line, type, bucket, amount_minor, contra_account, entry, funding, reason, run_id
            )
            SELECT
                NULL, :campaign, cards.id, considered.line, 'CREDITS_ADDITION', 'bonus', {column}, 'bonuses_owed', 1,
                {self._funding("considered.line")}, :rule, :run
            FROM {settled} AS settled
            CROSS JOIN considered ON considered.booking = settled.booking AND considered.line = settled.line
            CROSS JOIN {cards} ON {holding.match}
            WHERE state = {State.OPEN:d} AND {live(self.connection)} {_newest(self.connection, holding, cards)}
                AND {column} > 0 AND paid_minor = 0 AND bonus_minor = rule_bonus_minor AND NOT EXISTS (
                    SELECT 1 FROM transactions AS first
                    WHERE first.line = considered.line AND first.entry = 1 AND first.run_id = :run
                )
            ORDER BY considered.booking, considered.line
            """,
            {**holding.parameters(), "run": self.run_id, "rule": rule},
        )

    def _by_rules(self, rules: Sequence[_RuleColumn]) -> None:
        """What bonus rules give the lines that this run has just funded, onto the same cards."""
        if not rules:
            return
        self.connection.execute(
            f"""
            INSERT INTO transactions (
                id, campaign, card, line, type, bucket, amount_minor, contra_account, entry, funding, reason, run_id
            )
            SELECT
                NULL, first.campaign, first.card, first.line, 'CREDITS_ADDITION', 'bonus', shares.amount_minor,
                'bonuses_owed', slot, first.funding, rule, first.run_id
            FROM ({_shares(rules)}) AS shares
            CROSS JOIN transactions AS first ON first.line = shares.line AND first.entry = 1
            WHERE first.run_id = ? AND first.card IS NOT NULL AND first.reason IS NOT rule
            """,
            (self.run_id,),
        )

    def cash(self) -> None:
        """Note what is owed in cash: of lines that were just funded, and of those that nothing of goes onto a card."""
        if not any_rows(self.connection, "considered WHERE cash_minor > 0"):
            return
        self.connection.execute(
            f"""
            INSERT INTO transactions (
                id, campaign, card, line, type, bucket, amount_minor, contra_account, entry, funding, run_id
            )
            SELECT
                NULL, :campaign, NULL, line, 'CREDITS_ADDITION', 'cash', cash_minor, 'refunds_owed',
                iif(paid_minor + bonus_minor > 0, {CASH_SLOT}, 1),
                {self._funding("considered.line", f"state = {State.OPEN:d}")}, :run
            FROM considered
            WHERE cash_minor > 0 AND (
                state = {State.CASH_ONLY:d} OR (state = {State.OPEN:d} AND EXISTS (
                    SELECT 1 FROM transactions AS first
                    WHERE first.line = considered.line AND first.entry = 1 AND first.run_id = :run
                ))
            )
            ORDER BY considered.booking, considered.line
            """,
            {"campaign": self.campaign, "run": self.run_id},
        )

    def fees(self) -> None:
        """Note the fees of the lines that this run has funded, and of those of which they take all."""
        rules = self._rules("fee")
        if not rules:
            return
        first_of_all = "row_number() OVER (PARTITION BY shares.line ORDER BY slot) = 1"
        if not any(
            any_rows(self.connection, f"{table} WHERE paid + cash + back = 0") for table in {row[0] for row in rules}
        ):
            first_of_all = "FALSE"  # fees take all of no line
        self.connection.execute(
            f"""
            INSERT INTO transactions (
                id, campaign, card, line, type, bucket, amount_minor, contra_account, entry, funding, reason, run_id
            )
            SELECT
                NULL, :campaign, NULL, shares.line, 'CREDITS_ADDITION', 'fee', shares.amount_minor, 'refunds_owed',
                iif(first.id IS NULL AND {first_of_all}, 1, slot),
                coalesce(first.funding, {self._funding("shares.line")}), rule, :run
            FROM ({_shares(rules)}) AS shares
            LEFT JOIN transactions AS first ON first.line = shares.line AND first.entry = 1 AND first.run_id = :run
            WHERE first.id IS NOT NULL OR EXISTS (
                SELECT 1 FROM considered
                WHERE considered.booking = shares.booking AND considered.line = shares.line
                    AND state = {State.NOTHING_LEFT:d}
            )
            """,
            {"campaign": self.campaign, "run": self.run_id},
        )

    def _rules(self, bucket: str) -> list[_RuleColumn]:
        """The table and column of what each rule gives, its name and its entry, for rules that give anything."""
        columns = self.connection.execute(
            "SELECT settled, name, rule, slot FROM rule_columns WHERE bucket = ? ORDER BY slot", (bucket,)
        ).fetchall()
        return [row for row in columns if any_rows(self.connection, f"{row[0]} WHERE {row[1]} > 0")]

    def _funding(self, line: str, just_funded: str = "FALSE") -> str:
        """SQL for which funding of its line an entry belongs to; the next one, unless this run has begun it already."""
        if not any_rows(self.connection, "reopenings"):
            return "1"
        highest = f"SELECT max(funding) FROM transactions AS before WHERE before.line = {line} AND before.entry = 1"
        return f"coalesce(({highest}), 0) + iif({just_funded}, 0, 1)"


def _shares(rules: Sequence[_RuleColumn]) -> str:
    """SQL for what rules give, a row for each line and rule, in the order of lines: so that indexes only grow at their end."""
    selects = (
        f"SELECT booking, line, {column} AS amount_minor, {slot} AS slot, '{rule}' AS rule FROM {settled} WHERE {column} > 0"
        for settled, column, rule, slot in rules
    )
    return f"SELECT * FROM ({' UNION ALL '.join(selects)}) ORDER BY line, slot LIMIT -1"


def top_up(connection: sqlite3.Connection, holding: Holding, run_id: int) -> PostedCredits:
    """Post what every open considered line is given, and extend cards that would die too early.

    What is owed in cash, and fees, are noted beside it, without a card. The schema itself refuses to fund a line twice.
    Lines whose holder has no live card are left as they are, all of them.
    """
    before = _highest(connection)
    cards = cards_of(connection, holding)
    has_card = f"EXISTS (SELECT 1 FROM {cards} WHERE {holding.match} AND {live(connection)})"
    limit_totals(connection, holding.campaign, has_card, holding.parameters())
    posting = _Posting(connection, holding.campaign, run_id)
    posting.onto_cards(holding, cards)
    posting.cash()
    posting.fees()
    _extend(connection, holding, run_id, before, cards)
    return _posted(connection, before)


def note_others(connection: sqlite3.Connection, campaign: int, run_id: int) -> PostedCredits:
    """Note cash and fees, where nothing is to go onto a card: so whether cards could still be used doesn't matter."""
    before = _highest(connection)
    posting = _Posting(connection, campaign, run_id)
    posting.cash()
    posting.fees()
    return _posted(connection, before)


def _highest(connection: sqlite3.Connection) -> int:
    return int(connection.execute("SELECT coalesce(max(id), 0) FROM transactions").fetchone()[0])


def _posted(connection: sqlite3.Connection, before: int) -> PostedCredits:
    sums = (f"coalesce(sum(amount_minor) FILTER (WHERE bucket = '{name}'), 0)" for name in BUCKETS)
    counts = (f"count(*) FILTER (WHERE entry = 1 AND bucket {sign} 'fee')" for sign in ("<>", "="))
    posted = f"SELECT {', '.join([*counts, *sums])} FROM transactions WHERE id > ?"
    return PostedCredits(*connection.execute(posted, (before,)).fetchone())


def _newest(connection: sqlite3.Connection, holding: Holding, cards: str) -> str:
    successors = f"SELECT EXISTS (SELECT 1 FROM {cards} WHERE campaign = :campaign AND ordinal > 1)"
    if not connection.execute(successors, {"campaign": holding.campaign}).fetchone()[0]:
        return ""
    # Spelt out for each kind of campaign, as `IS` would keep SQLite from using the index.
    same = "later.booking IS NULL" if holding.per_customer else "later.booking = cards.booking"
    # A newer card may be dead while this one is not: the older of two whose money was put together, or a goodwill card.
    return f"""
        AND NOT EXISTS (
            SELECT 1 FROM {cards.split(maxsplit=1)[0]} AS later
            WHERE later.campaign = cards.campaign AND later.customer = cards.customer
                AND {same} AND later.ordinal > cards.ordinal AND {live(connection, "later")}
        )
    """


def _extend(connection: sqlite3.Connection, holding: Holding, run_id: int, before: int, cards: str) -> None:
    """A later top-up extends a card to at least its own day and duration; a card that never expires stays so."""
    days = [day for day in holding.extends_to.values() if day is not None]
    if not days:
        return
    early = f"SELECT EXISTS (SELECT 1 FROM {cards} WHERE campaign = :campaign AND expires_on < :latest)"
    if not connection.execute(early, {**holding.parameters(), "latest": max(days)}).fetchone()[0]:
        return
    connection.execute(
        f"""
        INSERT INTO extensions (card, expires_on, run_id)
        SELECT card_expiries.card, max({day_of(holding.extends_to)}) AS day, :run
        FROM transactions
        CROSS JOIN line_versions AS first ON first.id = transactions.line
        CROSS JOIN considered ON considered.booking = first.booking AND considered.line = first.id
        CROSS JOIN card_expiries ON card_expiries.card = transactions.card
        WHERE transactions.id > :before AND transactions.card IS NOT NULL
        GROUP BY card_expiries.card HAVING max(card_expiries.expires_on) < day
        ORDER BY card_expiries.card
        """,
        {"before": before, "run": run_id},
    )
