"""Refunds by a policy, through the real command line: campaigns and bookings go in, what became of each line comes out."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from support.books import BEFORE_RELEASE, LEDGER, read
from support.command_line import CAMPAIGN, CommandResult, ThisProcess, small_campaigns
from support.desks.bookings_desk import csv_text, rows_of
from support.models.policy_model import LineId, Row, Settled

# What a source must list so that conditions can look at it.
SOURCE = "sources:\n  default: {metadata: [hotel]}\n"
TOTALS = ("paid", "bonus", "fee", "cash", "total")


@dataclass(frozen=True, slots=True)
class PolicyDesk:
    """A folder with one campaign, at which bookings are refunded."""

    folder: Path
    now: str = BEFORE_RELEASE

    @property
    def ledger(self) -> Path:
        return self.folder / LEDGER

    def say(self, **keys: Any) -> None:
        """Write the campaigns file: these keys over those of a small campaign."""
        (self.folder / "campaigns.yaml").write_text(SOURCE + small_campaigns(**keys), encoding="utf-8")

    def write(self, rows: Iterable[Row], name: str = "bookings.csv") -> str:
        (self.folder / name).write_text(csv_text(*({"hotel": "", **row} for row in rows)), encoding="utf-8")
        return name

    def call(self, *words: str) -> CommandResult:
        return ThisProcess(self.folder)(*words, now=self.now)

    def load(self, *rows: Row) -> None:
        self.call("load", self.write(rows)).ok()

    def create(self) -> None:
        self.call("create", CAMPAIGN).ok()

    def publish(self, *options: str, exits: int = 0) -> dict[str, Any]:
        """The answer of `publish`."""
        return self._answer("publish", CAMPAIGN, *options, exits=exits)

    def top_up(self, *options: str, exits: int = 0) -> dict[str, Any]:
        """The answer of `topup`."""
        return self._answer("topup", CAMPAIGN, *options, exits=exits)

    def fund(self, *rows: Row, **keys: Any) -> dict[str, Any]:
        """All of it, step by step; what `topup` answers."""
        self.say(**keys)
        self.load(*rows)
        self.create()
        self.publish()
        return self.top_up()

    def run(self, *rows: Row, out: str = "out", exits: int = 0) -> dict[str, Any]:
        """The answer of `run` with a file of these rows."""
        return self._answer("run", CAMPAIGN, self.write(rows), "--out", out, exits=exits)

    def status(self) -> dict[str, Any]:
        [found] = self._answer("status", CAMPAIGN, exits=0)["campaigns"]
        return dict(found)

    def export(self, kind: str) -> list[dict[str, str]]:
        return rows_of(self.call("export", kind, CAMPAIGN, "-o", "-").ok().stdout)

    def settled(self) -> dict[LineId, Settled]:
        """What stands in the books for each refund line, net of what was taken back; only lines that have anything."""
        found: dict[LineId, Settled] = {}
        for row in self.export("transactions"):
            line = row["booking_id"], row["source_id"]
            found[line] = with_entry(found.get(line, Settled()), row["bucket"], row["reason"], Decimal(row["amount"]))
        return {line: settled for line, settled in found.items() if settled.is_booked}

    def sold(self) -> dict[str, int]:
        """What was given, by the budgets' names: in minor units, net of undo, and the number of cards."""
        [(total, bonus)] = read(self.ledger, GIVEN)
        [(cards,)] = read(self.ledger, "SELECT count(*) FROM publications")
        [(per_card,)] = read(self.ledger, LARGEST.format(holder="transactions.card"))
        [(per_customer,)] = read(self.ledger, LARGEST.format(holder="publications.customer_id"))
        return {"total": total, "bonus": bonus, "cards": cards, "per_card": per_card, "per_customer": per_customer}

    def _answer(self, *words: str, exits: int) -> dict[str, Any]:
        result = self.call(*words, "--json")
        assert result.exit == exits, f"{words} ended with {result.exit}:\n{result.stdout}{result.stderr}"
        return result.json()


GIVEN = """
    SELECT coalesce(sum(amount_minor), 0), coalesce(sum(amount_minor) FILTER (WHERE bucket = 'bonus'), 0)
    FROM transactions WHERE bucket IN ('paid', 'bonus')
"""
LARGEST = """
    SELECT coalesce(max(given), 0) FROM (
        SELECT sum(amount_minor) AS given
        FROM transactions JOIN publications ON publications.card_id = 'c' || transactions.card
        GROUP BY {holder}
    )
"""


def with_entry(settled: Settled, bucket: str, rule: str, amount: Decimal) -> Settled:
    """`settled` with one more transaction; a bonus without a rule is one that comes back."""
    if bucket == "fee":
        return replace(settled, fees=_added(settled.fees, rule, amount))
    if bucket == "bonus" and rule:
        return replace(settled, bonuses=_added(settled.bonuses, rule, amount))
    name = {"bonus": "given_back"}.get(bucket, bucket)
    return replace(settled, **{name: getattr(settled, name) + amount})


def _added(amounts: Mapping[str, Decimal], rule: str, amount: Decimal) -> dict[str, Decimal]:
    summed = {**amounts, rule: amounts.get(rule, Decimal(0)) + amount}
    return {name: one for name, one in summed.items() if one}


def totals_of(settled: Sequence[Settled], decimals: int) -> dict[str, int]:
    """As `topup --json` has them: minor units; `total` is what went onto cards."""
    paid, bonus, fee, cash = (
        int(sum((getattr(one, name) for one in settled), Decimal(0)).scaleb(decimals))
        for name in ("paid", "bonus", "fee", "cash")
    )
    return dict(zip(TOTALS, (paid, bonus, fee, cash, paid + bonus), strict=True))
