"""docs/desk.md tells of every state of a card, and of every refusal that the desk may meet.

That its commands say what the page says is held by tests/docs/test_documentation.py.
"""

import re

from refundctl.domain.cards.card_state import CardState
from support.pages.markdown_pages import page, read_markdown
from support.repository import GOLDEN_FOLDER


def first_cells(heading: str) -> list[str]:
    """The names in backticks of the first column of the table below this heading of the page."""
    [section] = [found for found in read_markdown(page("docs/desk.md")).sections if found.heading == heading]
    cells = re.findall(r"^\| (`[^|]*) \|", section.text, re.MULTILINE)
    return [name for cell in cells for name in re.findall(r"`([^`]+)`", cell)]


def test_every_state_of_a_card_is_told_in_the_order_in_which_they_count() -> None:
    assert first_cells("What a card can be") == [str(state) for state in CardState]


def test_every_refusal_at_the_desk_has_a_row() -> None:
    refused = set(re.findall(r"^# .*: (\w+)$", (GOLDEN_FOLDER / "desk-refusals.txt").read_text(), re.MULTILINE))
    assert {"voucher_not_active", "gift_amount_exceeded", "pin_wrong"} <= refused
    assert sorted(refused - set(first_cells("What the desk is told"))) == []
