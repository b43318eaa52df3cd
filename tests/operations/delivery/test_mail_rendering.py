"""Rendering a mail file: a line for each card that can be mailed, in order, whichever process writes it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from refundctl.domain.basics.errors import WriteFailed
from refundctl.exports.delivery.mail_rows import MailFigures
from refundctl.ledger.delivery.mail_cards import find_mail_cards
from refundctl.operations.delivery.mail_rendering import _render, _render_upper, figures_of, render
from support.desks.funded_desk import FundedDesk, at_funded_desk, make_funded_ledger

# Of ana 100.00 and of bo 30.00 are mailed; dee, who has no address, has 35.00.
WHOLE = MailFigures(rows=2, unreachable=1, total_minor=130_00, unreachable_minor=35_00)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_funded_ledger(tmp_path_factory.mktemp("funded"))


@pytest.fixture
def desk(made: Path) -> Iterator[FundedDesk]:
    with at_funded_desk(made) as opened:
        yield opened


def test_the_cards_that_can_be_mailed_are_written_and_all_are_counted(desk: FundedDesk, tmp_path: Path) -> None:
    written: list[bytes] = []
    ticks: list[tuple[int, int]] = []
    figures = render(desk.ledger, 1, tmp_path, written.append, lambda done, total: ticks.append((done, total)))
    assert figures == WHOLE == figures_of(desk.ledger, 1)
    lines = b"".join(written).decode().splitlines()
    assert [(line.split(",")[0], line.split(",")[3]) for line in lines] == [
        ("ana@example.com", "100.00"),
        ("bo@example.com", "30.00"),
    ]
    assert ticks[-1] == (2, 2)


def test_two_halves_are_the_whole(desk: FundedDesk) -> None:
    cards, written = find_mail_cards(desk.connection, 1), list[bytes]()
    lowest, middle, highest = cards.bounds()
    figures = _render(cards, range(lowest, middle), written.append, lambda done: None)
    assert (figures.rows, figures.total_minor) == (1, 100_00)
    figures.add(_render(cards, range(middle, highest + 1), written.append, lambda done: None))
    assert (figures.rows, figures.total_minor, len(written)) == (2, 130_00, 2)


def test_the_second_process_writes_its_half_and_nothing_else(
    made: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    figures = _render_upper({"ledger": str(made), "hand_over_id": 1, "start": 2, "stop": 3})
    assert figures == MailFigures(rows=1, total_minor=30_00)
    [line] = capfdbinary.readouterr().out.decode().splitlines()
    assert line.startswith("bo@example.com,")
    with pytest.raises(WriteFailed, match="has gone"):
        _render_upper({"ledger": str(made.with_name("gone.db")), "hand_over_id": 1, "start": 2, "stop": 3})
