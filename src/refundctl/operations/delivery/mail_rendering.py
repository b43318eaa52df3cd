"""Rendering the cards of a hand-over; the second half of a large one in a second process, which halves the time.

`python -m refundctl.operations.delivery.mail_rendering` is the second process: it writes CSV to its stdout, an unnamed
temporary file, and its figures to stderr. What it is to do stands in its argument: no code, only ids.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from refundctl.domain.basics.errors import ExitCode, RefundctlError, WriteFailed
from refundctl.exports.csv_text import encode
from refundctl.exports.delivery.mail_rows import MailFigures, mail_rows
from refundctl.ledger.database.connection import Clock, Ledger, closing_ledger, open_existing
from refundctl.ledger.delivery.mail_cards import MailCards, find_mail_cards

WORTHWHILE_CARDS = 50_000
WAIT_SECONDS = 30.0

CardsTick = Callable[[int, int], None]  # told how many cards are written, of how many
Write = Callable[[bytes], Any]


def render(ledger: Ledger, hand_over_id: int, folder: Path, write: Write, tick: CardsTick) -> MailFigures:
    """Write the lines of a mail file, in order of the cards. `folder` takes temporary files, which have no name."""
    cards = find_mail_cards(ledger.connection, hand_over_id)
    if cards.count < WORTHWHILE_CARDS:
        return _render_all(cards, write, lambda done: tick(done, cards.count))
    lowest, middle, highest = cards.bounds()
    with tempfile.TemporaryFile(prefix=".refundctl-", dir=folder) as upper:
        second = _start(ledger, hand_over_id, range(middle, highest + 1), upper)
        try:
            figures = _render(cards, range(lowest, middle), write, lambda done: tick(2 * done, cards.count))
            figures.add(_figures_of(second))
        finally:
            second.kill()
            second.wait()
        upper.seek(0)
        while piece := upper.read(1 << 20):
            write(piece)
    figures.add(_left_out(cards))
    return figures


def figures_of(ledger: Ledger, hand_over_id: int) -> MailFigures:
    """What render() would write, in figures."""
    return _render_all(find_mail_cards(ledger.connection, hand_over_id), lambda _: None, lambda _: None)


def _render_all(cards: MailCards, write: Write, tick: Callable[[int], None]) -> MailFigures:
    lowest, _, highest = cards.bounds()
    figures = _render(cards, range(lowest, highest + 1), write, tick)
    figures.add(_left_out(cards))
    return figures


def _left_out(cards: MailCards) -> MailFigures:
    """The cards that are left out until there is an address."""
    unreachable, unreachable_minor = cards.left_out()
    return MailFigures(unreachable=unreachable, unreachable_minor=unreachable_minor)


def _render(cards: MailCards, wanted: range, write: Write, tick: Callable[[int], None]) -> MailFigures:
    figures = MailFigures()
    for rows in mail_rows(cards.blocks(wanted), cards.campaign.name, cards.campaign.currency, figures):
        write(encode(rows))
        tick(figures.rows + figures.unreachable)
    return figures


def _start(ledger: Ledger, hand_over_id: int, cards: range, out: IO[bytes]) -> "subprocess.Popen[bytes]":
    asked = json.dumps(
        {"ledger": str(ledger.path), "hand_over_id": hand_over_id, "start": cards.start, "stop": cards.stop}
    )
    return subprocess.Popen(  # noqa: S603 - this very program
        [sys.executable, "-P", "-m", "refundctl.operations.delivery.mail_rendering", asked],
        stdin=subprocess.DEVNULL,
        stdout=out,
        stderr=subprocess.PIPE,
        start_new_session=True,  # Ctrl-C is for the first process, which ends this one
    )


def _figures_of(second: "subprocess.Popen[bytes]") -> MailFigures:
    _, said = second.communicate()
    try:
        answer = json.loads(said)
    except ValueError:
        answer = {"message": "The second process that writes the mail file has ended: run the same command again."}
    if "message" in answer:
        error = WriteFailed(answer["message"], code=answer.get("code"))
        error.exit_code = ExitCode(answer.get("exit_code", ExitCode.WRITE_FAILED))
        raise error
    return MailFigures(**answer)


def main() -> int:
    """The second process."""
    try:
        answer = asdict(_render_upper(json.loads(sys.argv[1])))
    except RefundctlError as error:
        answer = {"message": error.message, "code": error.code, "exit_code": int(error.exit_code)}
    except OSError as error:
        answer = {"message": f"The mail file can't be written: {error.strerror}. Make room or name another place."}
    sys.stderr.write(json.dumps(answer))
    return 0


def _render_upper(asked: dict[str, Any]) -> MailFigures:
    path = Path(asked["ledger"])
    ledger = open_existing(path, Clock(datetime.now(UTC), rehearsal=False), wait_seconds=WAIT_SECONDS)
    if ledger is None:
        raise WriteFailed(f"{path} has gone: put it back, and run the same command again.")
    with closing_ledger(ledger), ledger.unlocked():
        cards = find_mail_cards(ledger.connection, asked["hand_over_id"])
        wanted = range(asked["start"], asked["stop"])
        figures = _render(cards, wanted, sys.stdout.buffer.write, lambda _: None)
    sys.stdout.buffer.flush()
    return figures


if __name__ == "__main__":
    sys.exit(main())
