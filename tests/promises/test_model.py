"""The real ledger against a model in plain Python, under whatever an operator may do in whatever order."""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from support.books import BEFORE_RELEASE, LEDGER, cents, copy_to, read
from support.command_line import ThisProcess, small_campaigns
from support.models.books_model import POOL_EMPTY, Model, Said, Terms
from support.properties import FEW, MANY

PER_BOOKING = Terms("per-booking", "EUR", "booking", frozenset({"cancelled"}))
PER_CUSTOMER = Terms("per-customer", "EUR", "customer", frozenset({"cancelled", "no-show"}))
POLISH = Terms("polish", "PLN", "booking", frozenset({"cancelled"}))
TWO_CARDS = Terms("two-cards", "EUR", "booking", frozenset({"cancelled"}), pool=2)
CAMPAIGNS = (PER_BOOKING, PER_CUSTOMER, POLISH, TWO_CARDS)


@dataclass(frozen=True, slots=True)
class Load:
    """`load` of one file with these rows, which lacks the columns of these fields."""

    rows: tuple[Said, ...]
    absent: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Publish:
    """`publish CAMPAIGN`."""

    terms: Terms


@dataclass(frozen=True, slots=True)
class TopUp:
    """`topup CAMPAIGN`."""

    terms: Terms


@dataclass(frozen=True, slots=True)
class Run:
    """`run CAMPAIGN FILE --out NEW`, of such a file."""

    terms: Terms
    rows: tuple[Said, ...]
    absent: tuple[str, ...] = ()


Command = Load | Publish | TopUp | Run

# Few values, so that rows meet: the same line again, another amount, another customer, sums above the order.
said = st.builds(
    Said,
    booking_id=st.sampled_from(["B1", "B2", "B3"]),
    refund_id=st.sampled_from(["", "", "x", "y"]),
    customer_id=st.sampled_from(["ana", "ana", "ana", "bo"]),
    order_minor=st.sampled_from([10_000, 10_000, 10_000, 20_000]),
    refund_minor=st.sampled_from([3_000, 3_000, 5_000, 10_000]),
    currency=st.sampled_from(["EUR", "EUR", "EUR", "PLN"]),
    status=st.sampled_from(["cancelled", "cancelled", "cancelled", "no-show", "confirmed"]),
    cash_minor=st.sampled_from([0, 0, 0, 1_000, 3_000]),  # 3,000 may be the whole refund
    bonus_minor=st.sampled_from([0, 0, 0, 500]),
)
absent = st.sampled_from([(), (), (), ("status",), ("cash_minor",), ("status", "cash_minor", "bonus_minor")])
files = st.lists(said, min_size=1, max_size=5, unique=True).map(tuple)
terms = st.sampled_from(CAMPAIGNS)
commands = st.lists(
    st.one_of(
        st.builds(Load, files, absent),
        st.builds(Run, terms, files, absent),
        st.builds(Publish, terms),
        st.builds(TopUp, terms),
    ),
    min_size=1,
    max_size=7,
)


def file_of(rows: Sequence[Said], absent: Sequence[str] = ()) -> str:
    """The rows as a CSV file without these columns. Amounts have two decimals; nothing in cash is a blank."""
    names = [name for name in Said.__dataclass_fields__ if name not in absent]
    header = ",".join(name.replace("_minor", "_amount") for name in names)
    return "\n".join([header, *(",".join(_cell(row, name) for name in names) for row in rows)]) + "\n"


def _cell(row: Said, name: str) -> str:
    value = getattr(row, name)
    return str(value or "") if not name.endswith("_minor") else cents(value) if value else ""


def campaigns_file() -> str:
    one = [
        small_campaigns(
            terms.name,
            currency=terms.currency,
            card_per=terms.card_per,
            eligible={"status": sorted(terms.eligible)},
            **({} if terms.pool is None else {"type": "STATIC", "vouchers_count": terms.pool}),
        ).partition("campaigns:\n")[2]
        for terms in CAMPAIGNS
    ]
    return "version: 1\ncampaigns:\n" + "".join(one)


@pytest.fixture(scope="module")
def all_campaigns(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a ledger in which the campaigns are made, and nothing else."""
    folder = tmp_path_factory.mktemp("campaigns")
    (folder / "campaigns.yaml").write_text(campaigns_file(), encoding="utf-8")
    for terms in CAMPAIGNS:
        ThisProcess(folder)("create", terms.name, now=BEFORE_RELEASE).ok()
    return folder


@dataclass(slots=True)
class Both:
    """The program and the model, side by side."""

    folder: Path
    model: Model
    runs: int = 0
    answer: dict[str, Any] = field(default_factory=dict)

    def do(self, command: Command) -> None:
        match command:
            case Load():
                self._load(command)
            case Publish(terms):
                expected = self.model.publish(terms)
                assert self._call("publish", terms.name, exits={3 if is_short(expected) else 0}) == expected
            case TopUp(terms):
                counts, posted = self.model.top_up(terms)
                assert self._call("topup", terms.name, exits={3 if is_short(counts) else 0}) == counts
                self._check_totals(terms, posted)
            case Run():
                self._run(command)

    def _load(self, command: Load) -> None:
        (self.folder / "bookings.csv").write_text(file_of(command.rows, command.absent), encoding="utf-8")
        expected = self.model.load(command.rows, command.absent)
        counts = self._call("load", "bookings.csv", exits={3 if expected.rejected_by_code else 0})
        assert self.answer["rejected_by_code"] == expected.rejected_by_code
        assert counts == expected.counts
        assert {currency: sums["total"] for currency, sums in self.answer["totals"].items()} == expected.totals

    def _run(self, command: Run) -> None:
        terms = command.terms
        (self.folder / "bookings.csv").write_text(file_of(command.rows, command.absent), encoding="utf-8")
        self.runs += 1
        loaded = self.model.load(command.rows, command.absent)
        published = self.model.publish(terms, loaded.lines)
        funded, posted = self.model.top_up(terms, loaded.lines)
        exits = {3 if loaded.rejected_by_code or is_short(published) else 0}
        self._call("run", terms.name, "bookings.csv", "--out", f"out{self.runs}", exits=exits)
        assert self.answer["rejected_by_code"] == loaded.rejected_by_code
        steps = self.answer["steps"]
        assert steps["load"]["counts"] == loaded.counts
        assert without(steps["publish"]["counts"], "remaining") == published
        assert steps["topup"]["counts"] == funded
        self._check_totals(terms, posted)

    def _check_totals(self, terms: Terms, posted: Mapping[str, int]) -> None:
        on_cards = posted["paid"] + posted["bonus"]
        assert self.answer["totals"] == {terms.currency: {**posted, "fee": 0, "total": on_cards}}

    def _call(self, *argv: str, exits: frozenset[int] | set[int] = frozenset({0})) -> dict[str, object]:
        result = ThisProcess(self.folder)(*argv, "--json", now=BEFORE_RELEASE)
        assert result.exit in exits, result.stdout
        self.answer = result.json()
        counts: dict[str, object] = self.answer["counts"]
        return without(counts, "remaining")

    def agree(self) -> None:
        """The whole of it: lines, credits and cards, and that the books are in order."""
        ledger, model = self.folder / LEDGER, self.model
        assert read(ledger, LINES) == sorted((*named(row.line), *row.money, row.status) for row in model.known.values())
        assert read(ledger, CREDITS) == sorted(
            (campaign, *named(line), bucket, minor, model.known[line].customer_id if bucket != "cash" else "")
            for line, campaign in model.funded_by.items()
            for bucket, minor in model.known[line].parts.items()
        )
        assert read(ledger, CARDS) == sorted(
            (campaign, booking_id, customer_id) for campaign, booking_id, customer_id in model.cards
        )
        verified = ThisProcess(self.folder)("verify", "--json")
        assert {finding["code"] for finding in verified.json()["findings"]} == (
            {"funded_not_eligible"} if self._not_eligible_any_more() else set()
        )

    def _not_eligible_any_more(self) -> bool:
        return any(
            self.model.state(line, terms) == "funded_not_eligible" for line in self.model.known for terms in CAMPAIGNS
        )


LINES = """
    SELECT
        booking_id, refund_id, customer_id, currency, order_amount_minor, refund_amount_minor, cash_amount_minor,
        bonus_amount_minor, coalesce(status, '')
    FROM refund_lines
    JOIN customers ON customers.id = refund_lines.customer
    JOIN segments ON segments.id = refund_lines.segment
    ORDER BY 1, 2
"""
CREDITS = """
    SELECT
        statement.campaign, lines.booking_id, lines.refund_id, statement.bucket, statement.amount_minor,
        coalesce(publications.customer_id, '')
    FROM statement
    JOIN transactions ON transactions.id = statement.id
    JOIN refund_lines AS lines ON lines.line = transactions.line
    LEFT JOIN publications ON publications.card_id = statement.card_id
    ORDER BY 1, 2, 3, 4
"""
CARDS = "SELECT campaign, coalesce(booking_id, ''), customer_id FROM publications ORDER BY 1, 2, 3"


def named(line: tuple[str, str]) -> tuple[str, str]:
    """A line that is the whole booking goes by the booking's id."""
    return line[0], line[1] or line[0]


def is_short(counts: Mapping[str, Any]) -> bool:
    """Whether the pool of cards had too few."""
    return POOL_EMPTY in counts["skipped_by_reason"]


def without(counts: dict[str, object], name: str) -> dict[str, object]:
    return {key: value for key, value in counts.items() if key != name}


def try_out(prepared: Path, commands: Sequence[Command]) -> None:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        for name in ("campaigns.yaml", LEDGER):
            copy_to(prepared / name, folder / name)
        both = Both(folder, Model())
        for command in commands:
            both.do(command)
        both.agree()


def a_line(booking_id: str = "B1", refund_id: str = "", **others: object) -> Said:
    return replace(Said(booking_id, refund_id, "ana", 10_000, 10_000, "EUR", "cancelled"), **others)  # type: ignore[arg-type]


HALF = a_line(refund_id="x", refund_minor=5_000)
OTHER_HALF = a_line(refund_id="y", refund_minor=5_000)


@FEW
@given(commands)
@example([Run(PER_BOOKING, (a_line(),)), Load((a_line(order_minor=20_000),)), Run(PER_CUSTOMER, (a_line(),))])
@example(
    [Run(PER_BOOKING, (HALF,)), Run(PER_BOOKING, (OTHER_HALF,)), Load((a_line(refund_id="z", refund_minor=3_000),))]
)
@example(
    [
        Load((a_line(),)),
        Publish(PER_BOOKING),
        Load((a_line(customer_id="bo"),)),
        Publish(PER_BOOKING),
        TopUp(PER_BOOKING),
    ]
)
@example([Run(PER_CUSTOMER, (a_line("B1"), a_line("B2"))), Load((a_line(status="confirmed"),)), Publish(PER_CUSTOMER)])
@example(
    [
        Run(PER_BOOKING, (a_line(cash_minor=10_000),)),
        Load((a_line(cash_minor=10_000, status="confirmed"),)),
        Publish(PER_BOOKING),
        Run(PER_BOOKING, (a_line(),), ("status", "cash_minor")),
    ]
)
@example([Load((HALF, OTHER_HALF)), Load((a_line(refund_id="x", refund_minor=3_000),), ("status", "cash_minor"))])
@example(
    [
        Run(TWO_CARDS, (a_line("B3"), a_line("B1"), a_line("B2", cash_minor=10_000, bonus_minor=500))),
        Load((a_line("B1", customer_id="bo"), a_line("B2", customer_id="bo"))),
        Publish(TWO_CARDS),
        TopUp(TWO_CARDS),
    ]
)
def test_the_ledger_comes_to_what_the_model_comes_to(all_campaigns: Path, commands: list[Command]) -> None:
    try_out(all_campaigns, commands)


@pytest.mark.parametrize(
    "commands",
    [
        [Load((a_line(), a_line()))],
        [Run(PER_BOOKING, (a_line(), a_line(), a_line()))],
        [Run(PER_BOOKING, (a_line(),)), Load((a_line(refund_minor=3_000), a_line(refund_minor=3_000)))],
        [Load((HALF, OTHER_HALF)), Load((a_line(refund_id="z"), a_line(refund_id="z"), HALF, HALF))],
        [Load((HALF,)), Load((a_line(refund_id="z", customer_id="bo"), a_line(refund_id="z", customer_id="bo")))],
    ],
    ids=["new", "new and funded", "funded otherwise", "too much", "another customer"],
)
def test_rows_that_are_equal_share_their_fate(all_campaigns: Path, commands: list[Command]) -> None:
    try_out(all_campaigns, commands)


@pytest.mark.slow
@settings(MANY, max_examples=3_000)
@given(commands)
def test_the_ledger_comes_to_what_the_model_comes_to_at_length(all_campaigns: Path, commands: list[Command]) -> None:
    try_out(all_campaigns, commands)
