"""Rendering the cards of a batch; the second half of a large one in a second process, which halves the time.

`python -m refundctl.operations.delivery.mail_rendering` is the second process: it writes CSV to its stdout, an unnamed temporary file,
and its figures to stderr. What it is to do stands in its argument: no code, only ids.
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
from refundctl.ledger.delivery import mail_cards
from refundctl.ledger.file.connection import Clock, Ledger, closing_ledger, open_existing

WORTHWHILE_CARDS = 50_000
WAIT_SECONDS = 30.0

Tick = Callable[[int, int], None]  # told how many cards are written, of how many
Write = Callable[[bytes], Any]


def render(ledger: Ledger, batch: int, folder: Path, write: Write, tick: Tick) -> MailFigures:
    """Write the lines of a batch's mail file, in order of the cards. `folder` takes temporary files, which have no name."""
    total = mail_cards.find_batch_cards(ledger.connection, batch)
    lowest, middle, highest = mail_cards.batch_card_bounds(ledger.connection)
    if total < WORTHWHILE_CARDS:
        figures = _render_cards(ledger, batch, range(lowest, highest + 1), write, lambda done: tick(done, total))
        figures.add(_waiting(ledger, batch))
        return figures
    with tempfile.TemporaryFile(prefix=".refundctl-", dir=folder) as upper:
        second = _start(ledger, batch, range(middle, highest + 1), upper)
        try:
            figures = _render_cards(ledger, batch, range(lowest, middle), write, lambda done: tick(2 * done, total))
            figures.add(_figures_of(second))
        finally:
            second.kill()
            second.wait()
        upper.seek(0)
        while piece := upper.read(1 << 20):
            write(piece)
    figures.add(_waiting(ledger, batch))
    return figures


def _waiting(ledger: Ledger, batch: int) -> MailFigures:
    """The cards that are left out until there is an address."""
    unreachable, unreachable_minor = mail_cards.batch_unreachable(ledger.connection, batch)
    return MailFigures(unreachable=unreachable, unreachable_minor=unreachable_minor)


def figures_of(ledger: Ledger, batch: int) -> MailFigures:
    """What render() would write, in figures."""
    mail_cards.find_batch_cards(ledger.connection, batch)
    lowest, _, highest = mail_cards.batch_card_bounds(ledger.connection)
    figures = _render_cards(ledger, batch, range(lowest, highest + 1), lambda _: None, lambda _: None)
    figures.add(_waiting(ledger, batch))
    return figures


def _render_cards(ledger: Ledger, batch: int, cards: range, write: Write, tick: Callable[[int], None]) -> MailFigures:
    figures = MailFigures()
    stored, last_transaction = mail_cards.batch_terms(ledger.connection, batch)
    blocks = mail_cards.mail_cards(ledger.connection, last_transaction, cards)
    for rows in mail_rows(blocks, stored.name, stored.currency, figures):
        write(encode(rows))
        tick(figures.rows + figures.unreachable)
    return figures


def _start(ledger: Ledger, batch: int, cards: range, out: IO[bytes]) -> "subprocess.Popen[bytes]":
    asked = json.dumps({"ledger": str(ledger.path), "batch": batch, "start": cards.start, "stop": cards.stop})
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
        mail_cards.find_batch_cards(ledger.connection, asked["batch"])
        cards = range(asked["start"], asked["stop"])
        figures = _render_cards(ledger, asked["batch"], cards, sys.stdout.buffer.write, lambda _: None)
    sys.stdout.buffer.flush()
    return figures


if __name__ == "__main__":
    sys.exit(main())
