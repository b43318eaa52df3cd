"""What a refund line is to a campaign, and so what stands in the way of funding it."""

from collections.abc import Mapping
from enum import IntEnum


class LineState(IntEnum):
    """What a refund line is to a campaign; a booking is what the lowest of its lines' states says.

    CASH_ONLY and NOTHING_LEFT are open too, and FUNDED_IN_CASH and KEPT funded, but nothing of the line goes onto a
    card: of NOTHING_LEFT fees take all.
    """

    OPEN = 0
    FUNDED = 1
    FUNDED_NOT_ELIGIBLE = 2
    CASH_ONLY = 3
    FUNDED_IN_CASH = 4
    NOTHING_LEFT = 5
    KEPT = 6
    OVER_CARD_CAP = 7
    OVER_CUSTOMER_CAP = 8
    NOT_ACCEPTED = 9
    OFFER_NONE = 10
    UNDONE = 11
    FUNDED_ELSEWHERE = 12
    OTHER_CURRENCY = 13
    NOT_ELIGIBLE = 14

    @property
    def label(self) -> str:
        """As it stands in JSON and in exports."""
        return _LABELS.get(self, self.name.lower())

    @property
    def is_skipped(self) -> bool:
        """Whether nothing of the line is given by this campaign."""
        return self >= LineState.NOTHING_LEFT

    @property
    def is_capped(self) -> bool:
        """Whether only a limit of the budget for single cards and customers stands in the way."""
        return self in {LineState.OVER_CARD_CAP, LineState.OVER_CUSTOMER_CAP}


_LABELS = {
    LineState.KEPT: "nothing_left",
    LineState.OVER_CARD_CAP: "per_card",
    LineState.OVER_CUSTOMER_CAP: "per_customer",
}

#: SQL for whether a considered line may be given something, before its policy is asked.
IS_OPEN = f"(considered.state = {LineState.OPEN:d} OR considered.state = {LineState.CASH_ONLY:d})"


def count_skipped(found: Mapping[LineState, int]) -> dict[str, int]:
    """What is skipped, and why, as it stands in JSON."""
    skipped: dict[str, int] = {}
    for state, count in found.items():
        if state.is_skipped:
            skipped[state.label] = skipped.get(state.label, 0) + count
    return skipped


def count_capped(found: Mapping[LineState, int]) -> int:
    """How many of them only a cap of the budget leaves out."""
    return sum(count for state, count in found.items() if state.is_capped)
