"""The columns that a rejects file has behind those of its input, and what is read back from them."""

from collections.abc import Iterable, Sequence
from hashlib import sha256

from refundctl.domain.bookings.booking_cells import WHITESPACE

REJECT_COLUMNS = ("_line", "_field", "_code", "_reason")
_LEFT_OVER = "; left over: "
_BETWEEN = " | "


def own_positions(names: Sequence[str]) -> list[int]:
    """Where the columns of a file are that are not those of a rejects file."""
    return [position for position, name in enumerate(names) if name.strip(WHITESPACE) not in REJECT_COLUMNS]


def fingerprint(cells: Iterable[str]) -> str:
    """A mark of the cells of a row, which stays the same as long as nobody changes one."""
    trimmed = "\x1f".join(cell.strip(WHITESPACE) for cell in cells)
    return f"(cells {sha256(trimmed.encode()).hexdigest()[:8]})"


def with_left_over(reason: str, cells: Sequence[str]) -> str:
    """The reason of a row that may have more cells than fit under the header: it names the others."""
    return f"{reason}{_LEFT_OVER}{_BETWEEN.join(cells)}" if cells else reason


def left_over(reason: str) -> list[str]:
    """The cells that a reason names, which has a fingerprint behind them.

    The column `_reason` is the one place where a rejects file keeps them: this reads what with_left_over() writes.
    """
    _, _, named = reason.rpartition("(")[0].partition(_LEFT_OVER)
    return named.rstrip(" ").split(_BETWEEN) if named else []
