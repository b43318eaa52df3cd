"""What a card can be, in the words that exports and the desk show."""

from enum import StrEnum


class CardState(StrEnum):
    """Of several that hold, the first counts; ACTIVE where none of the others does.

    FROZEN is a card whose holder is to get cash instead, CASHED_OUT one of which the cash was paid. LOCKED is one with
    too many wrong PINs. UNASSIGNED waits in the pool.
    """

    DEACTIVATED = "deactivated"
    TRANSFERRED = "transferred"
    CASHED_OUT = "cashed_out"
    FROZEN = "frozen"
    DISABLED = "disabled"
    UNASSIGNED = "unassigned"
    EXPIRED = "expired"
    LOCKED = "locked"
    ACTIVE = "active"

    @property
    def is_dead(self) -> bool:
        """Whether nothing will ever be bought with the card again."""
        return self in {CardState.DEACTIVATED, CardState.TRANSFERRED, CardState.CASHED_OUT}
