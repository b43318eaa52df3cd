"""A shop's till: a ledger with funded cards, and the command that takes what is bought off them."""

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from refundctl.domain.cards.codes import code_key
from support.books import LEDGER, NO_FACTS, read
from support.command_line import CAMPAIGN, CommandResult, ThisProcess, small_campaigns
from support.desks.bookings_desk import Row, booking, csv_text

MAY_DAY = "2020-05-01T12:00:00Z"  # a Friday, 14:00 in Warsaw
HOLDER = "C-B1"

#: What one redemption leaves as it is where it is refused: all but the account of what was tried.
Facts = dict[str, list[tuple[Any, ...]]]


#: Ledgers as open() has made them: many tests begin with the same.
_OPENED: dict[tuple[str, ...], bytes] = {}


@dataclass(slots=True)
class Till:
    """A folder with one campaign and its cards; `c1` is that of the first booking, and its holder `C-B1`."""

    folder: Path
    now: str = MAY_DAY

    @property
    def ledger(self) -> Path:
        return self.folder / LEDGER

    def say(self, **keys: Any) -> None:
        """Write the campaigns file: these keys over those of a small campaign."""
        (self.folder / "campaigns.yaml").write_text(small_campaigns(**keys), encoding="utf-8")

    def call(self, *words: str, now: str | None = None, stdin: str = "") -> CommandResult:
        return ThisProcess(self.folder)(*words, now=now or self.now, stdin=stdin)

    def fund(self, *rows: Row) -> None:
        """Cards for these bookings, with what is owed on them."""
        (self.folder / "bookings.csv").write_text(csv_text(*rows), encoding="utf-8")
        for words in (["load", "bookings.csv"], ["create", CAMPAIGN], ["publish", CAMPAIGN], ["topup", CAMPAIGN]):
            self.call(*words).ok()

    def open(self, *, paid: str = "100.00", bonus: str = "", currency: str = "EUR", **keys: Any) -> "Till":
        """With one card, c1, that holds these amounts."""
        self.say(currency=currency, **keys)
        opened = (self.now, paid, bonus, (self.folder / "campaigns.yaml").read_text(encoding="utf-8"))
        if opened in _OPENED:
            self.ledger.touch(mode=0o600)
            self.ledger.write_bytes(_OPENED[opened])
        else:
            self.fund(booking("B1", paid, currency=currency, bonus_amount=bonus))
            _OPENED[opened] = self.ledger.read_bytes()
        return self

    def redeem(
        self,
        *options: str,
        card: str = "c1",
        amount: str = "10",
        invoice: str | None = "INV-1",
        customer: str | None = HOLDER,
        now: str | None = None,
        stdin: str = "",
    ) -> CommandResult:
        """`refundctl card redeem ...`; None leaves an option out."""
        words = ["card", "redeem", card, "--amount", amount]
        for option, value in (("--invoice", invoice), ("--customer", customer)):
            words += [] if value is None else [option, value]
        return self.call(*words, *options, now=now, stdin=stdin)

    def refused(self, code: str, *options: str, on: str | None = "c1", **typed: Any) -> str:
        """A redemption that a rule refuses with this code: gives its message, and makes sure that nothing changed.

        `on` is the card of which the attempt is recorded; `typed` is what redeem() takes.
        """
        return self.attempted(code, lambda: self.redeem(*options, "--json", **typed), on=on)

    def attempted(self, code: str, call: Any, *, on: str | None) -> str:
        """The same for any command about a card."""
        before, tried = self.facts(), len(self.attempts())
        result: CommandResult = call()
        answer = result.json()
        [error] = answer["errors"]
        assert (result.exit, answer["status"], error["code"]) == (4, "refused", code), error
        assert self.facts() == before
        [attempt] = self.attempts()[tried:]
        assert attempt == (answer["command"], code, error["message"], on)
        self.show_no_code(result)
        return str(error["message"])

    def attempts(self) -> list[tuple[str, str, str, str | None]]:
        """Command, code, message and card of all that was refused."""
        return [
            (command, code, message, None if card is None else f"c{card}")
            for command, code, message, card in read(
                self.ledger, "SELECT command, error_code, message, card FROM attempts ORDER BY id"
            )
        ]

    def facts(self) -> Facts:
        """Every row of every table but the attempts."""
        with closing(sqlite3.connect(f"file:{self.ledger}?mode=ro", uri=True)) as connection:
            tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
            return {
                name: sorted(connection.execute(f'SELECT * FROM "{name}"').fetchall(), key=repr)
                for (name,) in tables
                if name not in NO_FACTS
            }

    def balance(self, card: str = "c1") -> dict[str, int]:
        """By bucket, in minor units."""
        rows = read(
            self.ledger,
            "SELECT bucket, sum(amount_minor) FROM transactions WHERE 'c' || card = ? GROUP BY bucket ORDER BY bucket",
            card,
        )
        return {bucket: minor for bucket, minor in rows if minor}

    def code(self, card: str = "c1") -> str:
        """The secret itself."""
        [(code,)] = read(self.ledger, "SELECT code FROM cards WHERE 'c' || id = ?", card)
        return str(code)

    def show_no_code(self, *results: CommandResult) -> None:
        """Make sure that no card's code stands in what was said, nor in the runs and attempts."""
        with closing(sqlite3.connect(f"file:{self.ledger}?mode=ro", uri=True)) as connection:
            told = connection.execute("SELECT group_concat(arguments || message) FROM attempts").fetchone()[0] or ""
            told += connection.execute("SELECT group_concat(arguments) FROM runs").fetchone()[0]
            codes = [key for (key,) in connection.execute("SELECT code_key FROM codes")]
        told += "".join(result.stdout + result.stderr for result in results)
        assert [key for key in codes if key in code_key(told)] == []
