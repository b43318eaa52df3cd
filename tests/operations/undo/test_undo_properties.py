"""Whatever was done, spent, undone and reopened in whatever order: what is left is what was spent, and nobody gets more.

The model knows no rules of campaigns: it takes the credits that a top-up has posted, and says in plain Python what a
spending, an undo and the next top-up may make of them.
"""

import tempfile
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from support.books import LEDGER, cents, copy_to, read
from support.command_line import ThisProcess, small_campaigns
from support.desks.spending import spend
from support.properties import FEW, MANY

HEADER = "booking_id,refund_id,customer_id,order_amount,refund_amount,cash_amount,bonus_amount,currency,status\n"
POLICY = {
    "fees": [{"name": "service", "fixed": "1.00"}],
    "bonuses": [{"name": "sorry", "percentage": "10"}],
}
CAMPAIGNS: dict[str, dict[str, object]] = {
    "plain": {},
    "by-rule": {"refund": POLICY},
    "per-customer": {"card_per": "customer"},
}


@dataclass(frozen=True, slots=True)
class Row:
    """What a file says of a refund line; amounts in cents."""

    booking_id: str
    refund_id: str = ""
    refund_minor: int = 3_000
    cash_minor: int = 0
    bonus_minor: int = 0
    customer_id: str = "ana"
    status: str = "cancelled"

    def csv(self) -> str:
        amounts = ("100.00", cents(self.refund_minor), cents(self.cash_minor), cents(self.bonus_minor))
        return ",".join((self.booking_id, self.refund_id, self.customer_id, *amounts, "EUR", self.status))


@dataclass(frozen=True, slots=True)
class Do:
    """`load`, `publish CAMPAIGN`, `topup CAMPAIGN` or `run CAMPAIGN` of these rows."""

    command: str
    campaign: str = "plain"
    rows: tuple[Row, ...] = ()


@dataclass(frozen=True, slots=True)
class Spend:
    """Spend a part of the bucket with the most in it: a half, or all."""

    whole: bool = True


@dataclass(frozen=True, slots=True)
class Undo:
    """`undo` of one of the runs so far, counted from the last one; or `undo --reopen`."""

    back: int = 0
    reopen: bool = False


Command = Do | Spend | Undo

rows = st.builds(
    Row,
    booking_id=st.sampled_from(["B1", "B2"]),
    refund_id=st.sampled_from(["", "x"]),
    refund_minor=st.sampled_from([3_000, 3_000, 5_000]),
    cash_minor=st.sampled_from([0, 0, 1_000, 3_000]),
    bonus_minor=st.sampled_from([0, 0, 500]),
    customer_id=st.sampled_from(["ana", "ana", "ana", "bo"]),
    status=st.sampled_from(["cancelled", "cancelled", "cancelled", "flown"]),
)
files = st.lists(rows, min_size=1, max_size=3, unique_by=lambda row: (row.booking_id, row.refund_id)).map(tuple)
campaigns = st.sampled_from(sorted(CAMPAIGNS))
steps = st.one_of(
    st.builds(Do, st.just("run"), campaigns, files),
    st.builds(Do, st.just("load"), st.just(""), files),
    st.builds(Do, st.sampled_from(["publish", "topup"]), campaigns),
    st.builds(Spend, st.booleans()),
    st.builds(Undo, st.integers(0, 6), st.booleans()),
)
commands = st.lists(steps, min_size=2, max_size=9)


@dataclass(frozen=True, slots=True)
class Credit:
    """What a top-up gave; card is None for cash and fees."""

    run_id: int
    card: str | None
    line: int
    bucket: str
    minor: int


@dataclass(slots=True)
class Desk:
    """The program, and beside it what must come of its credits."""

    folder: Path
    calls: int = 0
    credits: list[Credit] = field(default_factory=list)
    balances: Counter[tuple[str, str]] = field(default_factory=Counter)
    spent: Counter[tuple[str, str]] = field(default_factory=Counter)
    undone: set[int] = field(default_factory=set)
    reopened: set[int] = field(default_factory=set)
    most_owed: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    answer: dict[str, Any] = field(default_factory=dict)

    def do(self, command: Command) -> None:
        match command:
            case Do():
                self._do(command)
            case Spend(whole):
                self._spend(whole=whole)
            case Undo(back, reopen):
                runs = self.undoable()
                if runs:
                    self.undo(runs[-1 - back % len(runs)], *(["--reopen"] if reopen else []))
        self.agree()

    def read(self, sql: str) -> list[Any]:
        return read(self.folder / LEDGER, sql)

    def call(self, *argv: str) -> int:
        result = ThisProcess(self.folder)(*argv, "--json")
        assert result.exit in {0, 3, 4, 5}, result.stdout
        self.answer = result.json()
        return result.exit

    def undoable(self) -> list[int]:
        commands = "('run', 'load', 'publish', 'topup')"
        return [row[0] for row in self.read(f"SELECT id FROM runs WHERE command IN {commands} ORDER BY id")]

    # --- What is done ---

    def _do(self, do: Do) -> None:
        self.calls += 1
        (self.folder / "file.csv").write_text(HEADER + "\n".join(row.csv() for row in do.rows) + "\n")
        named = [] if do.command == "load" else [do.campaign]
        given = [] if do.command in {"publish", "topup"} else ["file.csv", *self._where_to(do)]
        self.call(do.command, *named, *given)
        for booking_id, owed in self.read(
            "SELECT booking_id, sum(refund_amount_minor + bonus_amount_minor) FROM refund_lines GROUP BY 1"
        ):
            self.most_owed[booking_id] = max(self.most_owed[booking_id], owed)
        self._take_note()

    def _where_to(self, do: Do) -> list[str]:
        return [
            "--rejects",
            f"rejects{self.calls}.csv",
            *(["--out", f"out{self.calls}"] if do.command == "run" else []),
        ]

    def _take_note(self) -> None:
        """Note the new credits; none of them is for a line that an undone top-up has funded and nobody has reopened."""
        known = {credit.run_id for credit in self.credits}
        posted = self.read(
            "SELECT run_id, 'c' || card, line, bucket, amount_minor FROM transactions WHERE entry IS NOT NULL"
        )
        new = [Credit(*row) for row in posted if row[0] not in known]
        held = {credit.line for credit in self.credits if credit.run_id in self.undone - self.reopened}
        held |= {
            row[0]
            for row in self.read(
                "SELECT line FROM undone_lines WHERE undone_run NOT IN (SELECT undone_run FROM reopenings)"
            )
        }
        assert not held & {credit.line for credit in new}
        standing = {credit.line for credit in self.credits if credit.run_id not in self.undone}
        assert not standing & {credit.line for credit in new}, "funded once"
        self.credits += new
        for credit in new:
            if credit.card is not None:
                self.balances[credit.card, credit.bucket] += credit.minor

    def _spend(self, *, whole: bool) -> None:
        if not +self.balances:
            return
        (card, bucket), most = min(self.balances.items(), key=lambda item: (-item[1], item[0]))
        minor = most if whole else most // 2
        spend(self.folder, card, minor, bucket)
        self.balances[card, bucket] -= minor
        self.spent[card, bucket] += minor

    def undo(self, run_id: int, *options: str) -> None:
        [command] = self.read(f"SELECT command FROM runs WHERE id = {run_id}")[0]
        steps = {
            row[0] for row in self.read(f"SELECT id FROM runs WHERE parent_run_id = {run_id} AND command <> 'handover'")
        }
        named = {run_id, *steps} if command == "run" else {run_id}
        if options:
            refused = self.call("undo", str(run_id), *options) == 4
            assert refused == (not named & self.undone) or "contradict" in self.answer["errors"][0]["message"]
            self.reopened |= set() if refused else named & self.undone
            return
        topups = [
            row[0]
            for row in self.read("SELECT id FROM runs WHERE command = 'topup' ORDER BY id")
            if row[0] in named - self.undone
        ]
        totals = self._taken_by(topups)
        # 3: something had to stay, as other runs build on it; 4: all of it.
        assert self.call("undo", str(run_id)) in {0, 3, 4}
        found = self.answer["totals"].get("EUR", {})
        assert {name: found.get(name, 0) for name in ("paid", "bonus", "cash", "fee")} == totals
        self.undone |= set(self.answer.get("undone", ()))

    def _taken_by(self, topups: Sequence[int]) -> dict[str, int]:
        """Take back what these have given: of each bucket of a card what is still there, cash and fees whole."""
        given: Counter[tuple[str | None, str]] = Counter()
        for credit in self.credits:
            if credit.run_id in topups:
                given[credit.card, credit.bucket] += credit.minor
        totals = dict.fromkeys(("paid", "bonus", "cash", "fee"), 0)
        for (card, bucket), minor in given.items():
            taken = minor if card is None else min(minor, self.balances[card, bucket])
            totals[bucket] += taken
            if card is not None:
                self.balances[card, bucket] -= taken
        return totals

    # --- What must hold ---

    def agree(self) -> None:
        """Balances are the model's, nothing is below zero, and no booking was given more than it ever was owed."""
        found = self.read(
            "SELECT 'c' || card, bucket, sum(amount_minor) FROM transactions WHERE card IS NOT NULL GROUP BY 1, 2"
        )
        assert {(card, bucket): minor for card, bucket, minor in found if minor} == dict(+self.balances)
        given = self.read(
            """
            SELECT booking_id, sum(amount_minor) FILTER (WHERE reason IS NOT 'sorry'), sum(amount_minor)
            FROM (
                SELECT transactions.line, transactions.amount_minor, coalesce(credit.reason, transactions.reason) AS reason
                FROM transactions LEFT JOIN transactions AS credit ON credit.id = transactions.related_transaction
            ) AS entries
            JOIN refund_lines ON refund_lines.line = entries.line GROUP BY 1
            """
        )
        for booking_id, without_bonus, whole in given:
            assert 0 <= (without_bonus or 0) <= self.most_owed[booking_id]
            assert 0 <= whole <= self.most_owed[booking_id] * 1.1

    def undo_all(self) -> None:
        """Undo every run, the last one first: what is left is what was spent."""
        for run_id in reversed(self.undoable()):
            self.undo(run_id)
        self.agree()
        assert not +self.balances
        given = self.read(
            """
            SELECT bucket, sum(amount_minor) FROM transactions WHERE contra_account IN ('refunds_owed', 'bonuses_owed')
            GROUP BY bucket
            """
        )
        spent: Counter[str] = Counter()
        for (_, bucket), minor in self.spent.items():
            spent[bucket] += minor
        assert Counter(dict(given)) == spent
        alive = "SELECT id FROM held_cards WHERE id NOT IN (SELECT card FROM card_events)"
        standing = "SELECT id FROM runs WHERE command = 'publish' AND id NOT IN (SELECT undone_run FROM reopenings)"
        assert self.read(f"{alive} AND run_id IN ({standing})") == []

    def verify(self) -> None:
        self.call("verify")
        assert {finding["code"] for finding in self.answer["findings"]} <= {"funded_not_eligible"}, self.answer


@pytest.fixture(scope="module")
def all_campaigns(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a ledger in which the campaigns are made, and nothing else."""
    folder = tmp_path_factory.mktemp("campaigns")
    one = (small_campaigns(name, **keys).partition("campaigns:\n")[2] for name, keys in CAMPAIGNS.items())
    (folder / "campaigns.yaml").write_text("version: 1\ncampaigns:\n" + "".join(one), encoding="utf-8")
    for name in CAMPAIGNS:
        ThisProcess(folder)("create", name).ok()
    return folder


def try_out(prepared: Path, commands: Sequence[Command]) -> None:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        for name in ("campaigns.yaml", LEDGER):
            copy_to(prepared / name, folder / name)
        desk = Desk(folder)
        for command in commands:
            desk.do(command)
        desk.verify()
        desk.undo_all()
        desk.verify()


HALF, OTHER_HALF = Row("B1", "x", 5_000), Row("B1", "", 5_000)


@FEW
@given(commands)
@example([Do("run", "plain", (Row("B1"),)), Spend(whole=False), Undo(), Undo(), Do("run", "plain", (Row("B1"),))])
@example(
    [
        Do("run", "by-rule", (Row("B1", cash_minor=1_000, bonus_minor=500), HALF)),
        Spend(whole=False),
        Undo(3),
        Undo(3, reopen=True),
        Do("run", "by-rule", (Row("B1", cash_minor=1_000, bonus_minor=500), HALF)),
    ]
)
@example(
    [
        Do("run", "per-customer", (Row("B1"),)),
        Do("run", "per-customer", (Row("B2"),)),
        Spend(whole=False),
        Undo(7),
        Spend(whole=True),
        Undo(7, reopen=True),
        Do("topup", "per-customer"),
    ]
)
@example(
    [
        Do("run", "plain", (Row("B1", refund_minor=5_000),)),
        Undo(3),
        Do("load", "", (Row("B1", customer_id="bo"),)),
        Undo(),
    ]
)
@example(
    [Do("load", "", (HALF,)), Do("load", "", (Row("B1", "x"), OTHER_HALF)), Do("load", "", (HALF,)), Undo(), Undo(1)]
)
def test_what_is_left_is_what_was_spent(all_campaigns: Path, commands: list[Command]) -> None:
    try_out(all_campaigns, commands)


@pytest.mark.slow
@settings(MANY, max_examples=1_000)
@given(commands)
def test_what_is_left_is_what_was_spent_at_length(all_campaigns: Path, commands: list[Command]) -> None:
    try_out(all_campaigns, commands)
