"""Handing over: credits are reserved for one hand-over per mail tool, which is marked once its files are in place.

What a hand-over holds is a batch in the schema: ranges of transaction ids, not a row for each credit. A million credits
of one run are one range.
"""

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from refundctl.domain.basics.errors import Busy
from refundctl.ledger.cards.state import BEARERS, endings
from refundctl.ledger.cards.successors import with_replaced, with_successors
from refundctl.ledger.database.sql import any_rows, make_temporary
from refundctl.ledger.funding.considered_lines import Considered
from refundctl.ledger.funding.line_state import LineState

# Ranges never overlap, so the last one that begins before a credit tells whether the credit is in any.
HANDED = """
    transactions.id <= coalesce(
        (
            SELECT batch_ranges.last_transaction FROM batch_ranges
            WHERE batch_ranges.campaign = transactions.campaign AND batch_ranges.tool = :tool
                AND batch_ranges.first_transaction <= transactions.id
            ORDER BY batch_ranges.first_transaction DESC LIMIT 1
        ),
        0
    )
"""


@dataclass(frozen=True, slots=True)
class HandOver:
    """A hand-over as it was reserved. Balances in its file are as of `last_transaction`."""

    hand_over_id: int
    campaign: int
    tool: str
    directory: str
    file_name: str
    everyone: bool
    last_transaction: int
    run_id: int


def open_hand_over(connection: sqlite3.Connection, campaign: int, tool: str) -> HandOver | None:
    """The hand-over whose files were not all written yet, if there is one."""
    return next(iter(open_hand_overs(connection, "campaign = ? AND tool = ?", (campaign, tool))), None)


def open_hand_overs(
    connection: sqlite3.Connection, condition: str = "TRUE", parameters: Sequence[Any] = ()
) -> list[HandOver]:
    """The hand-overs whose files were not all written yet, and for which `condition` (SQL) holds, oldest first."""
    rows = connection.execute(
        f"""
        SELECT id, campaign, tool, directory, file_name, everyone, last_transaction, run_id
        FROM batches WHERE {condition} AND id NOT IN (SELECT batch FROM deliveries)
        ORDER BY id
        """,
        parameters,
    )
    return [
        HandOver(hand_over_id, campaign, tool, directory, file_name, bool(everyone), last_transaction, run_id)
        for hand_over_id, campaign, tool, directory, file_name, everyone, last_transaction, run_id in rows
    ]


def open_hand_overs_of_campaign(connection: sqlite3.Connection, campaign: int) -> list[HandOver]:
    """Those of a campaign."""
    return open_hand_overs(connection, "campaign = ?", (campaign,))


def open_hand_overs_of(connection: sqlite3.Connection, run_ids: Sequence[int]) -> list[HandOver]:
    """Those without their files that one of these runs has reserved, or that hold a credit of theirs."""
    condition = """
        (run_id IN (SELECT value FROM json_each(?1)) OR EXISTS (
            SELECT 1 FROM batch_ranges
            CROSS JOIN transactions ON transactions.id BETWEEN first_transaction AND batch_ranges.last_transaction
            WHERE batch = batches.id AND transactions.campaign = batch_ranges.campaign
                AND transactions.run_id IN (SELECT value FROM json_each(?1))
        ))
    """
    return open_hand_overs(connection, condition, (json.dumps(run_ids),))


def open_hand_over_in(connection: sqlite3.Connection, directory: str, file_names: Sequence[str]) -> HandOver | None:
    """A hand-over of any campaign whose files are still to be written to this place."""
    condition = f"directory = ? AND file_name IN ({', '.join('?' * len(file_names))})"
    return next(iter(open_hand_overs(connection, condition, (directory, *file_names))), None)


@dataclass(frozen=True, slots=True)
class LastHandOver:
    """The last hand-over to a place: its run, and the SHA-256 of its mail file in hexadecimal."""

    run_id: int
    sha256: str


def last_delivered(connection: sqlite3.Connection, directory: str, file_name: str) -> LastHandOver | None:
    """What was last written to this place, by any campaign; for one that an undo has closed, nothing was."""
    row = connection.execute(
        """
        SELECT batches.run_id, deliveries.files ->> '$[0].sha256'
        FROM deliveries JOIN batches ON batches.id = deliveries.batch
        WHERE directory = ? AND file_name = ? AND deliveries.files <> '[]'
        ORDER BY deliveries.id DESC LIMIT 1
        """,
        (directory, file_name),
    ).fetchone()
    return None if row is None else LastHandOver(*row)


def last_handed(connection: sqlite3.Connection, campaign: int, tool: str) -> int:
    """The highest transaction id that this tool has been handed; 0 where there is none."""
    return int(
        connection.execute(
            "SELECT coalesce(max(last_transaction), 0) FROM batch_ranges WHERE campaign = ? AND tool = ?",
            (campaign, tool),
        ).fetchone()[0]
    )


@dataclass(frozen=True, slots=True)
class NewCredits:
    """A campaign's credits that a tool has not been handed yet; `found` says whether there are any.

    They stand in temp.new_ranges, first_transaction to last_transaction, which find_new_credits() makes for reserve().
    """

    connection: sqlite3.Connection
    campaign: int
    tool: str
    found: bool


def find_new_credits(
    connection: sqlite3.Connection, campaign: int, tool: str, *, fresh_after: int, considered: Considered | None = None
) -> NewCredits:
    """Collect the campaign's credits that this tool has not been handed yet, as ranges.

    Credits whose holder has no e-mail address wait until there is one; nobody is told of what was undone. All credits
    after `fresh_after` are known to be new; the others are looked at one by one, where lines were `considered` those of
    the cards that one of them is on, or has moved to, or that have a new credit: a card is mailed with all that is on
    it, so nothing is left to be mailed again. What the desk has given is for no booking: it goes with what goes next.
    """
    make_temporary(connection, "CREATE TEMP TABLE new_ranges (first_transaction INTEGER, last_transaction INTEGER);")
    parameters = {"campaign": campaign, "tool": tool, "after": fresh_after}
    mailed = _mailed(connection, campaign)
    if mailed:
        _collect(connection, parameters, f"id > :after {mailed}")
    else:
        connection.execute(
            f"""
            INSERT INTO new_ranges
            SELECT min(id), max(id) FROM transactions WHERE id > :after AND {_CREDIT} HAVING count(*) > 0
            """,
            parameters,
        )
    if _any_left(connection, parameters):
        asked_for = f"AND card IN ({with_successors(_ASKED_FOR)} SELECT card FROM moved_to)" if considered else ""
        _collect(connection, parameters, f"id <= :after AND NOT ({HANDED}) {asked_for} {mailed}")
    return NewCredits(connection, campaign, tool, any_rows(connection, "new_ranges"))


def _mailed(connection: sqlite3.Connection, campaign: int) -> str:
    """SQL that leaves out the credits of which nobody is to be told, or not yet; nothing where there are none."""
    unreachable = find_unreachable(connection, campaign)
    clauses = [] if unreachable is None else [f"card NOT IN ({unreachable.cards})"]
    clauses += [f"NOT {ending}" for ending in endings(connection, "transactions.card")]
    if any_rows(connection, "undoings"):  # else 2.3% of a run
        # Of an undone credit nothing is left; where its card has more on it, that is some other credit's.
        clauses.append("run_id NOT IN (SELECT undone_run FROM undoings)")
        # What has moved was some other run's, which may be undone by now.
        clauses.append(f"(contra_account <> 'transfers' OR NOT {_NOTHING_LEFT.format(card='transactions.card')})")
    if any_rows(connection, "activations"):  # else 2.5%
        clauses.append(f"NOT {BEARERS.format(card='transactions.card')}")
    return " ".join(f"AND {clause}" for clause in clauses)


# All credits of a card, and of those whose successor it is, were undone, and nothing is left on it.
_NOTHING_LEFT = f"""
    (
        (SELECT coalesce(sum(amount_minor), 0) FROM transactions AS own WHERE own.card = {{card}}) = 0
        AND NOT EXISTS (
            {with_replaced("SELECT {card}")}
            SELECT 1 FROM lineage CROSS JOIN transactions AS own ON own.card = lineage.card
            WHERE own.type = 'CREDITS_ADDITION' AND own.contra_account <> 'transfers'
                AND own.run_id NOT IN (SELECT undone_run FROM undoings)
        )
    )
"""


def untold(connection: sqlite3.Connection, card: str) -> str:
    """SQL for whether nobody is told of a card, any more or yet.

    It has come to its end or waits for it, nothing is left of what was undone, or it belongs to whoever has it.
    """
    clauses = [*endings(connection, card), BEARERS.format(card=card)]
    if any_rows(connection, "undoings"):  # else 1.8% of a run
        clauses.append(_NOTHING_LEFT.format(card=card))
    return f"({' OR '.join(clauses)})"


@dataclass(frozen=True, slots=True)
class UnreachableCards:
    """A campaign's cards whose holder has no e-mail address: `cards` is SQL for them, of temp.unreachable_cards."""

    cards: str = "SELECT card FROM unreachable_cards"


def find_unreachable(connection: sqlite3.Connection, campaign: int) -> UnreachableCards | None:
    """Collect the campaign's live cards whose holder has no e-mail address; None where there are none."""
    make_temporary(connection, "CREATE TEMP TABLE unreachable_cards (card INTEGER PRIMARY KEY);")
    if not any_rows(connection, "customers WHERE email IS NULL"):  # else 1.3% of a run
        return None
    found = connection.execute(
        f"""
        INSERT INTO unreachable_cards
        SELECT held_cards.id FROM held_cards CROSS JOIN customers ON customers.id = held_cards.customer
        WHERE campaign = ? AND email IS NULL AND NOT {untold(connection, "held_cards.id")}
        """,
        (campaign,),
    ).rowcount
    return UnreachableCards() if found else None


_CREDIT = "campaign = :campaign AND type = 'CREDITS_ADDITION' AND card IS NOT NULL"


# The cards that a run mails: those of its refund lines, and those of which nobody was told by the desk.
_ASKED_FOR = f"""
    SELECT card FROM transactions
    WHERE card IS NOT NULL AND line IN (
        SELECT line FROM considered WHERE state IN ({LineState.FUNDED:d}, {LineState.FUNDED_NOT_ELIGIBLE:d})
    )
    UNION
    SELECT card FROM transactions WHERE id > :after AND campaign = :campaign AND card IS NOT NULL
    UNION
    SELECT card FROM transactions WHERE entry IS NULL AND {_CREDIT} AND id <= :after AND NOT ({HANDED})
"""


def _collect(connection: sqlite3.Connection, parameters: Mapping[str, Any], wanted: str) -> None:
    connection.execute(
        f"""
        INSERT INTO new_ranges
        SELECT min(id), max(id)
        FROM (SELECT id, id - row_number() OVER (ORDER BY id) AS island FROM transactions WHERE {_CREDIT} AND {wanted})
        GROUP BY island
        """,
        parameters,
    )


def _any_left(connection: sqlite3.Connection, parameters: Mapping[str, Any]) -> bool:
    """Whether a credit up to :after may not have been handed over; one range for all, the usual case, shows at once."""
    bounds = f"SELECT min(id), max(id) FROM transactions WHERE id <= :after AND {_CREDIT}"
    lowest, highest = connection.execute(bounds, parameters).fetchone()
    if lowest is None:
        return False
    whole = """
        SELECT EXISTS (
            SELECT 1 FROM batch_ranges
            WHERE campaign = :campaign AND tool = :tool
                AND first_transaction <= :lowest AND last_transaction >= :highest
        )
    """
    found = {"campaign": parameters["campaign"], "tool": parameters["tool"], "lowest": lowest, "highest": highest}
    return not connection.execute(whole, found).fetchone()[0]


def reserve(new: NewCredits, *, directory: str, file_name: str, everyone: bool, run_id: int) -> HandOver:
    """Reserve the new credits for one hand-over to this place, of which there may be none; `everyone`: of all cards."""
    hand_over_id, last_transaction = new.connection.execute(
        """
        INSERT INTO batches (campaign, tool, directory, file_name, everyone, last_transaction, run_id)
        SELECT ?, ?, ?, ?, ?, coalesce(max(id), 0), ? FROM transactions
        RETURNING id, last_transaction
        """,
        (new.campaign, new.tool, directory, file_name, everyone, run_id),
    ).fetchone()
    new.connection.execute(
        """
        INSERT INTO batch_ranges (batch, campaign, tool, first_transaction, last_transaction, run_id)
        SELECT ?, ?, ?, first_transaction, last_transaction, ? FROM new_ranges ORDER BY first_transaction
        """,
        (hand_over_id, new.campaign, new.tool, run_id),
    )
    return HandOver(hand_over_id, new.campaign, new.tool, directory, file_name, everyone, last_transaction, run_id)


def is_delivered(connection: sqlite3.Connection, hand_over: HandOver) -> bool:
    """Whether its files were marked as in place, perhaps by another process."""
    return any_rows(connection, "deliveries WHERE batch = ?", (hand_over.hand_over_id,))


def mark_delivered(
    connection: sqlite3.Connection, hand_over: HandOver, files: Sequence[Mapping[str, Any]], run_id: int
) -> None:
    """Its files are complete and in place; `files` is what its manifest says of them, empty where an undo closes it.

    Raises Busy where that was noted already: by the undo of its run, as commands that write files look first.
    """
    if is_delivered(connection, hand_over):
        raise Busy(
            f"The run that {hand_over.directory}/{hand_over.file_name} was written for was undone meanwhile: "
            "mail nobody from there."
        )
    connection.execute(
        "INSERT INTO deliveries (batch, files, run_id) VALUES (?, ?, ?)",
        (hand_over.hand_over_id, json.dumps(files, separators=(",", ":"), sort_keys=True), run_id),
    )
