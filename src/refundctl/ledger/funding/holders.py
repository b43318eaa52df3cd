"""Who holds which card of a campaign, and until when a card of it is valid."""

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field

from refundctl.ledger.cards.pool import has_pool
from refundctl.ledger.cards.state import live
from refundctl.ledger.database.sql import any_rows, make_temporary


@dataclass(frozen=True, slots=True)
class Holding:
    """Who holds a card in a campaign, and until when: `today` and all days are ISO dates in its time zone.

    A card's last day stands under its `valid_by`, as `considered` has it, with 0 where no rule is for it; None for
    none. `extends_to` is likewise the day to which a later top-up extends a card, None where it gives no more time.
    """

    campaign: int
    per_customer: bool
    today: str
    expires_on: Mapping[int, str | None] = field(default_factory=dict)
    extends_to: Mapping[int, str | None] = field(default_factory=dict)
    makes_codes: bool = True  # whether cards are made as they are published, once the pool is empty

    @property
    def place(self) -> str:
        """SQL that ties `cards` to what a `considered` line gets a card for: its customer, or its booking."""
        if self.per_customer:
            own = "cards.booking IS NULL AND cards.customer = considered.customer"
        else:
            own = "cards.booking = considered.booking"
        return f"cards.campaign = :campaign AND {own}"

    @property
    def match(self) -> str:
        """The same, where the card is the line's customer's own: a booking may have passed to someone else."""
        return f"{self.place} AND cards.customer = considered.customer"

    def parameters(self) -> dict[str, str | int | None]:
        """What the SQL here takes."""
        return {"campaign": self.campaign, "today": self.today}

    @property
    def last_day(self) -> str:
        """SQL for the last day of a holder's new card: of several lines the latest; NULL for none."""
        day = day_of(self.expires_on)
        return f"iif(max(never_expires OR {day} IS NULL), NULL, max({day}))"


def day_of(days: Mapping[int, str | None]) -> str:
    """SQL for the day that stands under `valid_by` of a considered line."""
    written = {number: "NULL" if day is None else f"'{day}'" for number, day in days.items()}
    if len(set(written.values())) == 1:
        return next(iter(written.values()))
    return f"CASE valid_by {' '.join(f'WHEN {number} THEN {day}' for number, day in written.items())} END"


@dataclass(frozen=True, slots=True)
class HeldCards:
    """A campaign's cards that somebody holds, and how `considered` lines find them."""

    connection: sqlite3.Connection
    holding: Holding
    table: str

    @property
    def sql(self) -> str:
        """What they are read from, under the name `cards`."""
        return "cards" if self.table == "cards" else f"{self.table} AS cards"

    @property
    def live(self) -> str:
        """SQL for whether the holder of a considered line has a live card."""
        return f"EXISTS (SELECT 1 FROM {self.sql} WHERE {self.holding.match} AND {live(self.connection)})"

    def any(self, condition: str = "TRUE", latest: str | None = None) -> bool:
        """Whether there is any card of the campaign's for which `condition` (SQL, with :latest) holds."""
        asked = {**self.holding.parameters(), "latest": latest}
        return any_rows(self.connection, f"{self.sql} WHERE campaign = :campaign AND {condition}", asked)


def cards_of(connection: sqlite3.Connection, holding: Holding) -> HeldCards:
    """The campaign's held cards.

    Where some came from a pool, they are put into the temporary table `held`, so that they are found by holder.
    """
    if not has_pool(connection, holding.campaign):
        return HeldCards(connection, holding, "cards")
    # With types, since the view's columns have none and an index of theirs would not be used.
    make_temporary(
        connection,
        """
        CREATE TEMP TABLE held (
            id INTEGER PRIMARY KEY, campaign INTEGER, customer INTEGER, booking INTEGER, ordinal INTEGER,
            expires_on TEXT
        );
        """,
    )
    connection.execute(
        """
        INSERT INTO held
        SELECT id, campaign, customer, booking, ordinal, expires_on FROM held_cards WHERE campaign = ? ORDER BY id
        """,
        (holding.campaign,),
    )
    connection.execute("CREATE INDEX temp.held_holder ON held (customer, booking)")
    connection.execute("CREATE INDEX temp.held_booking ON held (booking)")
    return HeldCards(connection, holding, "held")
