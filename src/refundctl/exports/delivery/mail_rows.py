"""The file for the mail tool: one line per card, with what its holder needs to use it."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from refundctl.domain.basics.money import format_amount
from refundctl.exports.csv_text import Row

MAIL_COLUMNS = (
    "email", "name", "code", "balance", "currency", "expires_on", "booking_id", "customer_id", "campaign", "locale",
)  # fmt: skip

# As ledger.mail_cards.mail_cards() gives them.
MailCard = tuple[str | None, str | None, str, int, str | None, str | None, str, str | None]


@dataclass(slots=True)
class MailFigures:
    """What went into a mail file, and what still waits: cards and their balances in minor units.

    `unreachable` are the cards whose holder has no e-mail address, in the batch or left out of it.
    """

    rows: int = 0
    unreachable: int = 0
    total_minor: int = 0
    unreachable_minor: int = 0

    def add(self, other: "MailFigures") -> None:
        """Count what another part of the file holds."""
        self.rows += other.rows
        self.unreachable += other.unreachable
        self.total_minor += other.total_minor
        self.unreachable_minor += other.unreachable_minor


def mail_rows(
    blocks: Iterable[Sequence[MailCard]], campaign: str, currency: str, figures: MailFigures
) -> Iterator[list[Row]]:
    """Render cards for the generic profile, block by block, counting them in `figures`."""
    for block in blocks:
        reachable = [card for card in block if card[0] is not None]
        figures.rows += len(reachable)
        figures.unreachable += len(block) - len(reachable)
        balances = sum(card[3] for card in reachable)
        figures.total_minor += balances
        figures.unreachable_minor += sum(card[3] for card in block) - balances
        yield [
            (
                email or "", name or "", code, format_amount(balance, currency), currency, expires_on or "",
                _once(booking_ids or ""), customer_id, campaign, locale or "",
            )
            for email, name, code, balance, expires_on, booking_ids, customer_id, locale in reachable
        ]  # fmt: skip


def _once(booking_ids: str) -> str:
    """Each booking once, in order: two refund lines of one booking are one booking to its customer."""
    if ";" not in booking_ids:
        return booking_ids
    return ";".join(dict.fromkeys(booking_ids.split(";")))
