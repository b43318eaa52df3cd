"""Whatever is funded, given, corrected, spent, moved and undone in whatever order: the money is where it should be, once.

The model knows no rules of campaigns: it takes the credits that were posted, and says in plain Python what a transfer, a
purchase, a correction and an undo make of them.
"""

import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from support.books import LEDGER, cents, copy_to, read
from support.command_line import ThisProcess, small_campaigns
from support.desks.bookings_desk import booking, csv_text, rows_of
from support.desks.spending import spend
from support.properties import FEW, MANY

CAMPAIGNS: dict[str, dict[str, object]] = {"plain": {}, "one-for-all": {"card_per": "customer"}}


@dataclass(frozen=True, slots=True)
class Fund:
    """`run` of a refund for one of two customers: of a booking of its own, or as a further one of the last booking."""

    campaign: str = "plain"
    customer: str = "ana"
    bonus_minor: int = 0
    further: bool = False


@dataclass(frozen=True, slots=True)
class Issue:
    campaign: str = "plain"
    customer: str = "ana"


@dataclass(frozen=True, slots=True)
class Move:
    """Transfer one of the cards so far, counted from the last one, to another of them or to a new one."""

    card: int = 0
    to: int | None = None


@dataclass(frozen=True, slots=True)
class Adjust:
    card: int = 0
    minor: int = 500


@dataclass(frozen=True, slots=True)
class Spend:
    """Spend a part of the fullest bucket: a half, or all."""

    whole: bool = True


@dataclass(frozen=True, slots=True)
class Undo:
    """Undo one of the runs so far, counted from the last one."""

    back: int = 0


Command = Fund | Issue | Move | Adjust | Spend | Undo

campaigns = st.sampled_from(sorted(CAMPAIGNS))
customers = st.sampled_from(["ana", "ana", "bo"])
places = st.integers(0, 4)
steps = st.one_of(
    st.builds(Fund, campaigns, customers, st.sampled_from([0, 500]), st.booleans()),
    st.builds(Issue, campaigns, customers),
    st.builds(Move, places, st.one_of(st.none(), places)),
    st.builds(Move, places),
    st.builds(Adjust, places, st.sampled_from([500, -500, -3_000])),
    st.builds(Spend, st.booleans()),
    st.builds(Undo, places),
)
commands = st.lists(steps, min_size=3, max_size=10)


@dataclass(slots=True)
class Desk:
    """The program, and beside it where the money must be, in cents."""

    folder: Path
    bookings: int = 0
    balances: Counter[tuple[str, str]] = field(default_factory=Counter)
    credits: list[tuple[int, str, str, int]] = field(default_factory=list)  # run, card, bucket, amount
    successors: dict[str, str] = field(default_factory=dict)
    undone: set[int] = field(default_factory=set)
    answer: dict[str, Any] = field(default_factory=dict)

    def do(self, command: Command) -> None:
        match command:
            case Fund():
                self._fund(command)
            case Issue(campaign, customer):
                self.call("card", "issue", campaign, "--customer", customer, "--amount", "20", "--reason", "sorry")
                self._take_note()
            case Move(card, to):
                self._move(self._card(card), None if to is None else self._card(to))
            case Adjust(card, minor):
                self._adjust(self._card(card), minor)
            case Spend(whole):
                self._spend(whole=whole)
            case Undo(back):
                runs = self.undoable()
                if runs:
                    self.undo(runs[-1 - back % len(runs)])
        self.agree()

    def read(self, sql: str) -> list[Any]:
        return read(self.folder / LEDGER, sql)

    def call(self, *argv: str) -> int:
        result = ThisProcess(self.folder)(*argv, "--json")
        assert result.exit in {0, 2, 3, 4}, result.stdout
        self.answer = result.json()
        return result.exit

    def undoable(self) -> list[int]:
        return [row[0] for row in self.read("SELECT id FROM runs WHERE command IN ('run', 'card issue') ORDER BY id")]

    # --- What is done ---

    def _fund(self, fund: Fund) -> None:
        self.bookings += 0 if fund.further and self.bookings else 1
        row = booking(f"B{self.bookings}", "500.00", refund_id=f"R{len(self.credits)}-{len(self.undone)}")
        cells = {"customer_id": fund.customer, "email": f"{fund.customer}@example.org", "refund_amount": "30.00"}
        (self.folder / "new.csv").write_text(csv_text({**row, **cells, "bonus_amount": cents(fund.bonus_minor)}))
        self.call("run", fund.campaign, "new.csv", "--out", f"out-{len(self.undoable())}", "--rejects", "rejects.csv")
        self._take_note()

    def _take_note(self) -> None:
        """Note the new credits, which are on cards that were alive then."""
        posted = self.read(
            """
            SELECT run_id, 'c' || card, bucket, amount_minor FROM transactions
            WHERE card IS NOT NULL AND type = 'CREDITS_ADDITION' AND (entry IS NOT NULL OR contra_account = 'goodwill')
            ORDER BY id
            """
        )
        new = posted[len(self.credits) :]
        assert not {card for _, card, _, _ in new} & self.dead()
        self.credits += new
        for _, card, bucket, minor in new:
            self.balances[card, bucket] += minor

    def _card(self, back: int) -> str:
        [(cards,)] = self.read("SELECT count(*) FROM cards")
        return f"c{max(cards - back, 1)}"

    def dead(self) -> set[str]:
        ended = "SELECT card FROM card_events WHERE event = 'deactivated' UNION SELECT card FROM transfers"
        return {f"c{card}" for (card,) in self.read(ended)}

    def _move(self, card: str, to: str | None) -> None:
        dead = self.dead()
        if self.call("card", "transfer", card, *([] if to is None else ["--to", to])) != 0:
            return
        successor = self.answer["card"]["card_id"]
        assert card not in dead
        assert successor not in dead
        assert to in {None, successor}
        self.successors[card] = successor
        for bucket in ("paid", "bonus"):
            self.balances[successor, bucket] += self.balances.pop((card, bucket), 0)

    def _adjust(self, card: str, minor: int) -> None:
        bucket = "paid" if minor > 0 else "bonus"
        done = self.call(
            "card", "adjust", card, "--amount", cents(minor), "--reason", "till was wrong", "--bucket", bucket
        )
        if done == 0:
            assert minor < 0 or card not in self.dead()
            self.balances[card, bucket] += minor

    def _spend(self, *, whole: bool) -> None:
        alive = {place: minor for place, minor in self.balances.items() if minor and place[0] not in self.dead()}
        if alive:
            (card, bucket), most = min(alive.items(), key=lambda item: (-item[1], item[0]))
            spend(self.folder, card, most if whole else most // 2, bucket)
            self.balances[card, bucket] -= most if whole else most // 2

    def undo(self, run_id: int) -> None:
        steps = {row[0] for row in self.read(f"SELECT id FROM runs WHERE {run_id} IN (id, parent_run_id)")}
        given: Counter[tuple[str, str]] = Counter()
        for run, card, bucket, minor in self.credits:
            if run in steps - self.undone:
                given[self._successor(card), bucket] += minor
        taken = {place: min(minor, self.balances[place]) for place, minor in given.items()}
        assert self.call("undo", str(run_id)) in {0, 3, 4}
        if self.answer["totals"]:
            figures = self.answer["totals"]["EUR"]
            assert figures["total"] == sum(taken.values())
            assert figures["spent"] == sum(given.values()) - sum(taken.values())
        self.undone |= set(self.answer.get("undone", ()))
        for place, minor in taken.items():
            self.balances[place] -= minor

    def _successor(self, card: str) -> str:
        return self._successor(self.successors[card]) if card in self.successors else card

    # --- What must hold ---

    def agree(self) -> None:
        found = self.read("SELECT 'c' || card, bucket, sum(amount_minor) FROM transactions GROUP BY 1, 2")
        assert {(card, bucket): minor for card, bucket, minor in found if minor} == dict(+self.balances)
        moved = "SELECT coalesce(sum(amount_minor), 0) FROM transactions WHERE contra_account = 'transfers'"
        assert self.read(moved) == [(0,)]

    def everyone_is_told_what_there_is(self) -> None:
        """The mail files tell of each card that is alive, with what is on it, and of no other."""
        codes = {code: f"c{card}" for card, code in self.read("SELECT id, code FROM cards")}
        told: Counter[str] = Counter()
        for name in CAMPAIGNS:
            if self.call("export", "mail", name, "-o", f"{name}.csv", "--all") == 0 and self.answer["run_id"]:
                for row in rows_of(self.folder / f"{name}.csv"):
                    told[codes[row["code"]]] += int(row["balance"].replace(".", ""))
        left: Counter[str] = Counter()
        for (card, _), minor in self.balances.items():
            if card not in self.dead():
                left[card] += minor
        assert +told == +left
        assert not told.keys() & self.dead()

    def verify(self) -> None:
        result = ThisProcess(self.folder)("verify", "--json")
        assert result.json()["findings"] == []


@pytest.fixture(scope="module")
def all_campaigns(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a ledger in which the campaigns are made and the customers known, and nothing else."""
    folder = tmp_path_factory.mktemp("campaigns")
    one = (small_campaigns(name, **keys).partition("campaigns:\n")[2] for name, keys in CAMPAIGNS.items())
    (folder / "campaigns.yaml").write_text("version: 1\ncampaigns:\n" + "".join(one), encoding="utf-8")
    people = [{"customer_id": name, "email": f"{name}@example.org"} for name in ("ana", "bo")]
    (folder / "people.csv").write_text(csv_text(*people), encoding="utf-8")
    for name in CAMPAIGNS:
        ThisProcess(folder)("create", name).ok()
    ThisProcess(folder)("load-customers", "people.csv").ok()
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
        desk.everyone_is_told_what_there_is()
        for run_id in reversed(desk.undoable()):
            desk.undo(run_id)
        desk.agree()
        desk.verify()
        desk.everyone_is_told_what_there_is()


@FEW
@given(commands)
@example([Fund(bonus_minor=500), Move(), Spend(whole=False), Move(), Undo()])
@example([Fund(), Fund(), Move(1, 0), Spend(whole=False), Undo(1), Undo(0)])
@example([Fund("one-for-all"), Issue("one-for-all"), Move(0, 1), Fund("one-for-all"), Undo(1), Undo(1), Undo(0)])
@example([Fund("one-for-all"), Issue("one-for-all"), Move(), Adjust(0, 500), Undo(0), Fund("one-for-all"), Undo(0)])
@example([Issue(), Move(), Spend(whole=True), Move(), Undo()])
def test_the_money_is_where_it_should_be(all_campaigns: Path, commands: list[Command]) -> None:
    try_out(all_campaigns, commands)


@pytest.mark.slow
@MANY
@given(commands)
def test_the_money_is_where_it_should_be_at_length(all_campaigns: Path, commands: list[Command]) -> None:
    try_out(all_campaigns, commands)
