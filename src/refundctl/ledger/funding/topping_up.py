"""Topping up: what each open refund line is given goes onto its holder's card, once.

What a line is given was settled before (see amounts_by_policy); here it becomes transactions.
"""

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from refundctl.ledger.cards.card_transactions import last_transaction
from refundctl.ledger.cards.state import live
from refundctl.ledger.database.sql import any_rows
from refundctl.ledger.funding.bonus_limits import limit_totals
from refundctl.ledger.funding.holders import HeldCards, Holding, cards_of, day_of
from refundctl.ledger.funding.line_state import LineState
from refundctl.ledger.funding.owed import BUCKETS
from refundctl.ledger.funding.settled_lines import RuleColumn, Settled

BACK_SLOT, CASH_SLOT = 2, 3  # entries of bonuses given back and of cash, where they don't come first


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
class _CreditPosting:
    """The credits of one run; `parameters` are those of all its SQL."""

    settled: Settled
    parameters: Mapping[str, str | int | None]

    @property
    def connection(self) -> sqlite3.Connection:
        return self.settled.connection

    def _post(
        self,
        bucket: str,
        minor: str,
        rows: str,
        *,
        entry: str,
        funding: str,
        card: str = "NULL",
        line: str = "considered.line",
        rule: str = "NULL",
    ) -> None:
        """Post a credit for each of `rows`; all but the bucket is SQL."""
        contra = "bonuses_owed" if bucket == "bonus" else "refunds_owed"
        self.connection.execute(
            f"""
            INSERT INTO transactions (
                id, campaign, card, line, type, bucket, amount_minor, contra_account, entry, funding, reason, run_id
            )
            SELECT
                NULL, :campaign, {card}, {line}, 'CREDITS_ADDITION', '{bucket}', {minor}, '{contra}', {entry},
                {funding}, {rule}, :run
            FROM {rows}
            """,
            self.parameters,
        )

    def onto_cards(self, cards: HeldCards) -> None:
        """Credit every open considered line to its holder's newest live card: what is paid, then what is given back."""
        newest = f"""
            CROSS JOIN {cards.sql} ON {cards.holding.match}
            WHERE state = {LineState.OPEN:d} AND {live(self.connection)} {_newest(cards)} AND {{only}}
            ORDER BY considered.booking, considered.line
        """
        post = partial(self._post, card="cards.id")
        next_funding = self._funding("considered.line")
        paid = f"considered {newest.format(only='paid_minor > 0')}"
        post("paid", "paid_minor", paid, entry="1", funding=next_funding)
        entry, funding = f"iif(paid_minor > 0, {BACK_SLOT}, 1)", self._funding("considered.line", "paid_minor > 0")
        back = f"considered {newest.format(only='bonus_minor - rule_bonus_minor > 0')}"
        post("bonus", "bonus_minor - rule_bonus_minor", back, entry=entry, funding=funding)
        rules = self.settled.rules_giving("bonus")
        for bonus in rules if self.settled.reopened.any else ():
            # A reopened line of which all that was paid is spent is funded by its bonus alone.
            only = f"{bonus.column} > 0 AND paid_minor = 0 AND bonus_minor = rule_bonus_minor AND NOT {_FUNDED_NOW}"
            alone = f"""
                {bonus.table} AS settled
                CROSS JOIN considered ON considered.booking = settled.booking AND considered.line = settled.line
                {newest.format(only=only)}
            """
            post("bonus", bonus.column, alone, entry="1", funding=next_funding, rule=f"'{bonus.rule.name}'")
        if rules:
            self._by_rules(rules)

    def _by_rules(self, rules: Sequence[RuleColumn]) -> None:
        """What bonus rules give the lines that this run has just funded, onto the same cards."""
        rows = f"""
            ({_shares(rules)}) AS shares
            CROSS JOIN transactions AS first ON first.line = shares.line AND first.entry = 1
            WHERE first.run_id = :run AND first.card IS NOT NULL AND first.reason IS NOT rule
        """
        minor, funding = "shares.amount_minor", "first.funding"
        self._post(
            "bonus", minor, rows, entry="slot", funding=funding, card="first.card", line="first.line", rule="rule"
        )

    def cash(self) -> None:
        """Note what is owed in cash: of lines that were just funded, and of those that nothing of goes onto a card."""
        rows = f"""
            considered
            WHERE cash_minor > 0
                AND (state = {LineState.CASH_ONLY:d} OR (state = {LineState.OPEN:d} AND {_FUNDED_NOW}))
            ORDER BY considered.booking, considered.line
        """
        entry = f"iif(paid_minor + bonus_minor > 0, {CASH_SLOT}, 1)"
        funding = self._funding("considered.line", f"state = {LineState.OPEN:d}")
        self._post("cash", "cash_minor", rows, entry=entry, funding=funding)

    def fees(self) -> None:
        """Note the fees of the lines that this run has funded, and of those of which they take all."""
        rules = self.settled.rules_giving("fee")
        if not rules:
            return
        first_of_all = "row_number() OVER (PARTITION BY shares.line ORDER BY slot) = 1"
        tables = {fee.table for fee in rules}
        if not any(any_rows(self.connection, f"{table} WHERE paid + cash + back = 0") for table in tables):
            first_of_all = "FALSE"  # fees take all of no line
        rows = f"""
            ({_shares(rules)}) AS shares
            LEFT JOIN transactions AS first ON first.line = shares.line AND first.entry = 1 AND first.run_id = :run
            WHERE first.id IS NOT NULL OR EXISTS (
                SELECT 1 FROM considered
                WHERE considered.booking = shares.booking AND considered.line = shares.line
                    AND state = {LineState.NOTHING_LEFT:d}
            )
        """
        entry = f"iif(first.id IS NULL AND {first_of_all}, 1, slot)"
        funding = f"coalesce(first.funding, {self._funding('shares.line')})"
        self._post("fee", "shares.amount_minor", rows, entry=entry, funding=funding, line="shares.line", rule="rule")

    def _funding(self, line: str, just_funded: str = "FALSE") -> str:
        """SQL for which funding of its line an entry belongs to; the next one, unless this run has begun it already."""
        if not self.settled.reopened.any:
            return "1"
        highest = f"SELECT max(funding) FROM transactions AS before WHERE before.line = {line} AND before.entry = 1"
        return f"coalesce(({highest}), 0) + iif({just_funded}, 0, 1)"


_FUNDED_NOW = """
    EXISTS (
        SELECT 1 FROM transactions AS first
        WHERE first.line = considered.line AND first.entry = 1 AND first.run_id = :run
    )
"""


def _shares(rules: Sequence[RuleColumn]) -> str:
    """SQL for what rules give, a row for each line and rule, in the order of lines: so that indexes only grow at
    their end."""
    selects = (
        f"SELECT booking, line, {one.column} AS amount_minor, {one.slot} AS slot, '{one.rule.name}' AS rule "
        f"FROM {one.table} WHERE {one.column} > 0"
        for one in rules
    )
    return f"SELECT * FROM ({' UNION ALL '.join(selects)}) ORDER BY line, slot LIMIT -1"


def top_up(settled: Settled, holding: Holding | None, run_id: int) -> PostedCredits:
    """Post what every open considered line is given, and extend cards that would die too early.

    What is owed in cash, and fees, are noted beside it, without a card. The schema itself refuses to fund a line twice.
    Lines whose holder has no live card are left as they are, all of them. `holding` is None where nothing is to go onto
    a card: so whether cards could still be used doesn't matter.
    """
    connection = settled.connection
    before = last_transaction(connection)
    parameters = {"campaign": settled.judge.campaign} if holding is None else holding.parameters()
    posting = _CreditPosting(settled, {**parameters, "run": run_id})
    cards = None if holding is None else cards_of(connection, holding)
    if cards is not None:
        limit_totals(settled, cards.live, cards.holding.parameters())
        posting.onto_cards(cards)
    posting.cash()
    posting.fees()
    if cards is not None:
        _extend(cards, run_id, before)
    return _posted(connection, before)


def _posted(connection: sqlite3.Connection, before: int) -> PostedCredits:
    sums = (f"coalesce(sum(amount_minor) FILTER (WHERE bucket = '{name}'), 0)" for name in BUCKETS)
    counts = (f"count(*) FILTER (WHERE entry = 1 AND bucket {sign} 'fee')" for sign in ("<>", "="))
    posted = f"SELECT {', '.join([*counts, *sums])} FROM transactions WHERE id > ?"
    return PostedCredits(*connection.execute(posted, (before,)).fetchone())


def _newest(cards: HeldCards) -> str:
    """SQL that keeps the newest of a holder's live cards."""
    if not cards.any("ordinal > 1"):
        return ""
    # Spelt out for each kind of campaign, as `IS` would keep SQLite from using the index.
    same = "later.booking IS NULL" if cards.holding.per_customer else "later.booking = cards.booking"
    # A newer card may be dead while this one is not: the older of two whose money was put together, or a goodwill card.
    return f"""
        AND NOT EXISTS (
            SELECT 1 FROM {cards.table} AS later
            WHERE later.campaign = cards.campaign AND later.customer = cards.customer
                AND {same} AND later.ordinal > cards.ordinal AND {live(cards.connection, "later")}
        )
    """


def _extend(cards: HeldCards, run_id: int, before: int) -> None:
    """A later top-up extends a card to at least its own day and duration; a card that never expires stays so."""
    days = [day for day in cards.holding.extends_to.values() if day is not None]
    if not days or not cards.any("expires_on < :latest", max(days)):
        return
    cards.connection.execute(
        f"""
        INSERT INTO extensions (card, expires_on, run_id)
        SELECT card_expiries.card, max({day_of(cards.holding.extends_to)}) AS day, :run
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
