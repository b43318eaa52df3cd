"""What each open refund line is given: fees, what goes onto a card or is owed in cash, and bonuses, by the policy.

The policy becomes one statement of SQL (policy_as_sql); lines that no rule is for are not looked at again. What every
rule gives a line stands in a temporary table `settled_N` for each definition (settled_lines). What a rule gives in all
is limited later, in bonus_limits.
"""

import sqlite3
from collections.abc import Iterator

from refundctl.domain.basics.errors import BadInput
from refundctl.domain.campaigns.refund_policy import NONE, Policy
from refundctl.ledger.cards.state import live
from refundctl.ledger.database.sql import any_rows, make_temporary
from refundctl.ledger.funding.considered_lines import Considered, Judge, valid_by
from refundctl.ledger.funding.fees_in_turn import find_turns
from refundctl.ledger.funding.holders import Holding, cards_of
from refundctl.ledger.funding.line_state import IS_OPEN, LineState
from refundctl.ledger.funding.policy_as_sql import NOT_ACCEPTED, OFFERS, PolicyLines, settled
from refundctl.ledger.funding.reopened_lines import find_reopened
from refundctl.ledger.funding.settled_lines import Settled


def settle(considered: Considered, holding: Holding) -> Settled:
    """Work out what every open considered line is given, and put it into `considered`.

    Lines whose holder has a live card (see `holding`) are settled by the definition that it was published under. Raises
    BadInput where a bonus can't be counted any more.
    """
    connection, judge = considered.connection, considered.judge
    reopened = find_reopened(considered)
    definitions = list(_definitions(connection, judge, holding))
    # Only fees ask, and counting a million bookings takes a tenth of a second.
    several = any(policy.fees for _, policy, _ in definitions) and (reopened.any or _has_several_lines(connection))
    groups = [
        PolicyLines(at, policy, lines, several and bool(policy.fees), reopened.any) for at, policy, lines in definitions
    ]
    for group in groups:
        _settle_group(connection, judge, group)
    for group in groups:
        _note(connection, group)
    return Settled(connection, judge, groups, reopened)


def _definitions(connection: sqlite3.Connection, judge: Judge, holding: Holding) -> Iterator[tuple[int, Policy, str]]:
    """The policies in use, each with SQL for its lines; lines of earlier ones get the bits of their rules anew."""
    newest, *before = judge.definitions
    earlier = {
        at: each for at, each in enumerate(before, start=1) if (each.policy, each.days) != (newest.policy, newest.days)
    }
    if not earlier or not _find_earlier(connection, judge, holding):
        yield 0, newest.policy, "TRUE"
        return
    in_use = {row[0] for row in connection.execute("SELECT DISTINCT definition FROM earlier_lines")}
    earlier = {at: each for at, each in earlier.items() if each.definition_id in in_use}
    ids = ", ".join(str(each.definition_id) for each in earlier.values())
    yield 0, newest.policy, f"considered.line NOT IN (SELECT line FROM earlier_lines WHERE definition IN ({ids}))"
    for at, each in earlier.items():
        policy = each.policy
        lines = f"considered.line IN (SELECT line FROM earlier_lines WHERE definition = {each.definition_id})"
        _match_again(connection, judge, policy, at, lines)
        yield at, policy, lines


def _find_earlier(connection: sqlite3.Connection, judge: Judge, holding: Holding) -> bool:
    """Collect the open lines whose live card was published under an earlier definition; whether there are any."""
    cards = cards_of(connection, holding)
    columns = "line INTEGER PRIMARY KEY, definition INTEGER NOT NULL"
    make_temporary(connection, f"CREATE TEMP TABLE earlier_lines ({columns});")
    return bool(
        connection.execute(
            f"""
            INSERT INTO earlier_lines
            SELECT line, definition FROM (
                SELECT considered.line, (
                    SELECT max(id) FROM definitions
                    WHERE definitions.campaign = :campaign AND run_id <= held_cards.run_id
                ) AS definition, max(cards.ordinal)
                FROM considered
                CROSS JOIN {cards.sql} ON {holding.match}
                CROSS JOIN held_cards ON held_cards.id = cards.id
                WHERE {IS_OPEN} AND {live(connection)}
                GROUP BY considered.line
            )
            WHERE definition <> :newest
            """,
            {**holding.parameters(), "newest": judge.definitions[0].definition_id},
        ).rowcount
    )


def _match_again(connection: sqlite3.Connection, judge: Judge, policy: Policy, at: int, lines: str) -> None:
    matches = judge.matcher(connection, policy, "earlier_rules")
    connection.execute(
        f"""
        UPDATE considered SET rules = (
            SELECT {matches.sql}
            FROM line_versions AS now CROSS JOIN earlier_rules ON earlier_rules.segment = now.segment
            WHERE now.id = considered.line_version
        )
        WHERE {lines}
        """
    )
    connection.execute(f"UPDATE considered SET valid_by = {valid_by(policy, at)} WHERE {lines}")


def _has_several_lines(connection: sqlite3.Connection) -> bool:
    """Whether a booking has more than one refund line."""
    found = "SELECT (SELECT count(*) FROM bookings) < (SELECT count(*) FROM line_versions WHERE version = 1)"
    return bool(connection.execute(found).fetchone()[0])


def _settle_group(connection: sqlite3.Connection, judge: Judge, group: PolicyLines) -> None:
    columns = ", ".join(f"{name} INTEGER NOT NULL" for name in group.columns)
    make_temporary(connection, f"CREATE TEMP TABLE {group.table} ({columns});")
    insert = f"INSERT INTO {group.table} {settled(group)}"
    if not group.in_turn:
        connection.execute(insert)
        return
    turns = find_turns(connection, judge.campaign, group.affected)
    for turn in range(1, turns.highest + 1):
        before = connection.execute(f"SELECT coalesce(max(rowid), 0) FROM {group.table}").fetchone()[0]
        connection.execute(insert, {"turn": turn})
        turns.note(group.fees, before)


def _note(connection: sqlite3.Connection, group: PolicyLines) -> None:
    """Put what was settled into `considered`, with the state that follows from it."""
    fees = " + ".join(fee.column for fee in group.fees) or "0"
    bonuses = " + ".join(bonus.column for bonus in group.bonuses) or "0"
    connection.execute(
        f"""
        UPDATE considered SET
            paid_minor = settled.paid, bonus_minor = back + {bonuses}, rule_bonus_minor = {bonuses}, cash_minor = cash,
            fee_minor = {fees},
            state = CASE
                WHEN offer = {OFFERS[NONE]} THEN {LineState.OFFER_NONE:d}
                WHEN offer = {NOT_ACCEPTED} THEN {LineState.NOT_ACCEPTED:d}
                WHEN settled.paid + back + {bonuses} > 0 THEN {LineState.OPEN:d}
                WHEN cash > 0 THEN {LineState.CASH_ONLY:d}
                WHEN {fees} > 0 THEN {LineState.NOTHING_LEFT:d}
                ELSE {LineState.FUNDED:d}  -- reopened, with all of it spent before
            END
        FROM {group.table} AS settled
        WHERE considered.booking = settled.booking AND considered.line = settled.line
        """
    )
    if group.policy.bonuses and any_rows(connection, f"{group.table} WHERE typeof(back + {bonuses}) <> 'integer'"):
        raise BadInput("A bonus is more than can be counted: look for a wrong amount or rule.", code="overflow")
