"""The pool of a campaign: cards that were made beforehand, or printed by somebody else, and wait for a holder."""

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from refundctl.ledger.cards.codes import CODE_KEY, MakeCodes, highest_card, index_codes, post_cards
from refundctl.ledger.cards.state import waiting
from refundctl.ledger.database.sql import any_rows, make_temporary

NO_CARD_LEFT = "no_voucher_suitable_for_publication"  # Voucherify's name for it


@dataclass(frozen=True, slots=True)
class Clash:
    """A printed code that can't be imported: the line it stands on, and the number of the card that is in its way.

    `same` is whether that card has this very code, rather than one that looks like it.
    """

    line: int
    code: str
    card: int
    same: bool


def made_beforehand(connection: sqlite3.Connection, campaign: int) -> int:
    """How many cards of the campaign were made beforehand, taken or not; printed ones are not among them."""
    made = "SELECT count(*) FROM cards WHERE campaign = ? AND customer IS NULL AND NOT printed"
    return int(connection.execute(made, (campaign,)).fetchone()[0])


def has_pool(connection: sqlite3.Connection, campaign: int) -> bool:
    """Whether cards of the campaign were made beforehand or printed, taken or not."""
    return any_rows(connection, "cards WHERE campaign = ? AND customer IS NULL", (campaign,))


def free_cards(connection: sqlite3.Connection, campaign: int) -> int:
    """How many cards of the campaign's pool wait for a holder."""
    free = f"SELECT count(*) FROM cards WHERE campaign = ? AND {waiting(connection)}"
    return int(connection.execute(free, (campaign,)).fetchone()[0])


def make_cards(connection: sqlite3.Connection, campaign: int, run_id: int, make_codes: MakeCodes, count: int) -> None:
    """Add `count` cards with codes of their own to the pool. Raises CodesExhausted."""

    def post(codes: Iterator[str]) -> int:
        connection.executemany(
            "INSERT INTO cards (campaign, code, run_id) VALUES (?, ?, ?)",
            ((campaign, code, run_id) for code in islice(codes, count)),
        )
        return count

    post_cards(connection, make_codes, post)


def compare_printed(
    connection: sqlite3.Connection, campaign: int, codes: Iterable[tuple[int, str]], lookalike: Callable[[str], str]
) -> list[Clash]:
    """Note printed codes with their lines, and hold them against all cards; those of the campaign's own pool are known.

    `lookalike` gives the same text for codes that are taken for each other when read or typed. Clashes are in order of
    lines.
    """
    connection.create_function("lookalike", 1, lookalike, deterministic=True)
    columns = "line INTEGER PRIMARY KEY, code TEXT NOT NULL, code_key TEXT NOT NULL, looks TEXT NOT NULL"
    make_temporary(connection, f"CREATE TEMP TABLE printed_codes ({columns});")
    connection.executemany(
        f"INSERT INTO printed_codes SELECT ?1, ?2, {CODE_KEY.format(code='?2')}, lookalike(?2)", codes
    )
    connection.execute("CREATE INDEX temp.printed_codes_looks ON printed_codes (looks)")
    rows = connection.execute(
        """
        -- Of several cards in the way of one code, the one of max(): the same code rather than one that looks like it.
        SELECT line, printed_codes.code, codes.card, max(codes.code_key = printed_codes.code_key)
        FROM codes
        CROSS JOIN printed_codes ON printed_codes.looks = lookalike(codes.code_key)
        WHERE NOT EXISTS (
            SELECT 1 FROM codes AS known CROSS JOIN cards ON cards.id = known.card
            WHERE known.code_key = printed_codes.code_key AND cards.campaign = ? AND cards.printed
        )
        GROUP BY line ORDER BY line
        """,
        (campaign,),
    )
    return [Clash(line, code, card, bool(same)) for line, code, card, same in rows]


def import_printed(connection: sqlite3.Connection, campaign: int, run_id: int) -> int:
    """Add the printed codes that compare_printed() noted to the pool, in order of their lines; give the number of
    new ones."""
    before = highest_card(connection)
    connection.execute(
        """
        INSERT INTO cards (campaign, code, printed, run_id)
        SELECT ?, code, 1, ? FROM printed_codes
        WHERE NOT EXISTS (SELECT 1 FROM codes WHERE codes.code_key = printed_codes.code_key)
        ORDER BY line
        """,
        (campaign, run_id),
    )
    return index_codes(connection, before)
