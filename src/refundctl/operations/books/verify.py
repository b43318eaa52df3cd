"""Whether the books are in order, and what a person must look into."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from refundctl.ledger.campaigns import stored_campaigns
from refundctl.ledger.checks.all_checks import check_books, check_file
from refundctl.ledger.checks.findings import Finding
from refundctl.ledger.checks.seals_in_order import check_against
from refundctl.ledger.database.connection import Ledger, LedgerDamaged
from refundctl.ledger.funding.considered_lines import consider
from refundctl.ledger.funding.line_state import LineState
from refundctl.ledger.journal.seals import Seal, last_seal
from refundctl.operations.campaigns.terms import Terms


@dataclass(frozen=True, slots=True)
class Verification:
    """What was found; `seal` is that of the last run, None where there is none or the books aren't in order."""

    findings: Sequence[Finding]
    seal: Seal | None


def verify(ledger: Ledger, kept: Seal | None) -> Verification:
    """Check the file, the books, and where given the seal that was kept elsewhere.

    On a private copy, page by page the same, so that nobody has to wait. Raises LedgerDamaged for what can't be opened.
    """
    with ledger.private_copy() as copy, copy.reading():
        # Each step rests on the one before: in a file that SQLite can't read, further checks would only fail.
        findings = check_file(copy.connection)
        if not findings:
            findings = [*check_books(copy.connection)]
            findings += [] if kept is None else check_against(copy.connection, kept)
        if not findings:
            findings = [*_not_eligible(copy)]
        return Verification(findings, None if findings else last_seal(copy.connection))


def unreadable(error: LedgerDamaged) -> Verification:
    """What is to be said of a file that can't be opened as a ledger any more."""
    return Verification([Finding("file_damaged", error.message)], None)


def _not_eligible(ledger: Ledger) -> Iterator[Finding]:
    """Bookings that were funded and are no longer eligible: nothing is taken back by itself."""
    for campaign in stored_campaigns.campaigns(ledger.connection):
        considered = consider(ledger.connection, Terms(campaign).judge())
        for booking_id in considered.bookings_in_state(LineState.FUNDED_NOT_ELIGIBLE):
            yield Finding(
                LineState.FUNDED_NOT_ELIGIBLE.label,
                f"Booking {booking_id} was funded by {campaign.name} and is no longer eligible: decide what is "
                "to be done.",
            )
