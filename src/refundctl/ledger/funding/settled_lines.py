"""The refund lines of which it is known what each is given, and what of it by which rule."""

from collections.abc import Sequence
from dataclasses import dataclass

from refundctl.domain.campaigns.refund_policy import Policy, Rule
from refundctl.ledger.database.sql import any_rows
from refundctl.ledger.funding.considered_lines import Considered
from refundctl.ledger.funding.line_state import LineState
from refundctl.ledger.funding.reopened_lines import Reopened

BONUS_SLOT, FEE_SLOT = 10, 100  # entries that rules make are numbered from these


@dataclass(frozen=True, slots=True)
class RuleColumn:
    """What a fee or bonus rule gives: the temporary table and its column, and the number of the entry that it makes."""

    table: str
    column: str
    bucket: str
    rule: Rule
    slot: int

    @property
    def raw(self) -> str:
        """The column of what a bonus rule gives before it is stacked, where one of its policy has a total."""
        return self.column.replace("bonus", "raw")


@dataclass(frozen=True, slots=True)
class SettledTable:
    """The temporary table `settled_N` of the lines that the definition N settles, 0 the newest, with a column for
    each rule."""

    at: int
    policy: Policy

    @property
    def table(self) -> str:
        """Its name in SQL."""
        return f"settled_{self.at}"

    @property
    def bonuses(self) -> list[RuleColumn]:
        """The columns of the bonuses, in the order of the rules."""
        return self._columns("bonus", self.policy.bonuses, BONUS_SLOT)

    @property
    def fees(self) -> list[RuleColumn]:
        """The columns of the fees."""
        return self._columns("fee", self.policy.fees, FEE_SLOT)

    def _columns(self, bucket: str, rules: Sequence[Rule], slot: int) -> list[RuleColumn]:
        return [RuleColumn(self.table, f"{bucket}_{at}", bucket, rule, slot + at) for at, rule in enumerate(rules)]

    @property
    def columns(self) -> list[str]:
        """All its columns: of what the line is offered and given, and of each rule."""
        raw = [one.raw for one in self.bonuses] if self.has_totals else []
        rules = [one.column for one in (*self.fees, *self.bonuses)]
        return ["booking", "line", "offer", "paid", "cash", "back", *rules, *raw]

    @property
    def has_totals(self) -> bool:
        """Whether bonuses have a total, so that what they give before they are stacked stands there too."""
        return any(rule.total_minor is not None for rule in self.policy.bonuses)


@dataclass(frozen=True, slots=True)
class SettledLine:
    """What a campaign would give for a line now, in minor units; `shares` are bucket, rule and amount, in order."""

    state: LineState
    shares: Sequence[tuple[str, str, int]]
    line: int
    paid_minor: int
    bonus_minor: int
    cash_minor: int
    fee_minor: int


@dataclass(frozen=True, slots=True)
class Settled(Considered):
    """Considered lines of which settle() has worked out what each is given: by which rule, say the `tables`."""

    tables: Sequence[SettledTable]
    reopened: Reopened

    def rules_giving(self, *buckets: str) -> list[RuleColumn]:
        """The columns of the rules that give any line anything, in the order of their entries."""
        columns = [column for table in self.tables for column in (*table.bonuses, *table.fees)]
        return [
            column
            for column in sorted(columns, key=lambda each: each.slot)
            if column.bucket in buckets and any_rows(self.connection, f"{column.table} WHERE {column.column} > 0")
        ]

    def lines(self) -> list[SettledLine]:
        """The lines with what they would be given."""
        shares: dict[int, list[tuple[str, str, int]]] = {}
        for one in self.rules_giving("bonus", "fee"):
            given = f"SELECT line, {one.column} FROM {one.table} WHERE {one.column} > 0"
            for line, minor in self.connection.execute(given):
                shares.setdefault(line, []).append((one.bucket, one.rule.name, minor))
        rows = self.connection.execute(
            "SELECT state, line, paid_minor, bonus_minor, cash_minor, fee_minor FROM considered"
        )
        return [SettledLine(LineState(state), shares.get(line, ()), line, *amounts) for state, line, *amounts in rows]
