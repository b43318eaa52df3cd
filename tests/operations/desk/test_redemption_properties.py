"""Whatever is bought and given back in whatever order: never more comes back than was taken, and each bucket is exact.

And whatever a till's file says, in whatever order, split or repeated: the ledger is the one that a model in plain Python has.
"""

import random
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.books import LEDGER, cents, copy_to, read
from support.desks.bookings_desk import booking, csv_text
from support.desks.till import Till
from support.properties import FEW, MANY

MONDAY = "2020-05-04T12:00:00Z"
HOLDERS = {"c1": "C-B1", "c2": "C-B2"}
#: Paid and bonus, in cents.
HELD = {"c1": (5_000, 1_500), "c2": (3_000, 0)}


NewTill = Callable[[str], AbstractContextManager[Till]]


@pytest.fixture(scope="module")
def new_till(tmp_path_factory: pytest.TempPathFactory) -> NewTill:
    """`with new_till("bonus_first") as till:` two cards that hold HELD, cheaply: each kind of ledger is made once."""
    made: dict[str, Path] = {}

    @contextmanager
    def till(order: str) -> Iterator[Till]:
        if order not in made:
            first = Till(tmp_path_factory.mktemp(order))
            first.say(refund={"redeem_order": order})
            first.fund(
                *(
                    booking(f"B{number}", cents(paid), bonus_amount=cents(bonus))
                    for number, (paid, bonus) in enumerate(HELD.values(), start=1)
                )
            )
            made[order] = first.ledger
        with tempfile.TemporaryDirectory() as place:
            copy_to(made[order], Path(place) / LEDGER)
            yield Till(Path(place), MONDAY)

    return till


@dataclass(slots=True)
class Model:
    """The same two cards in plain Python; amounts in cents."""

    bonus_first: bool
    paid: dict[str, int] = field(default_factory=lambda: {card: paid for card, (paid, _) in HELD.items()})
    bonus: dict[str, int] = field(default_factory=lambda: {card: bonus for card, (_, bonus) in HELD.items()})

    def take(self, card: str, amount: int) -> tuple[int, int]:
        """Take money off a card cent by cent; how many were paid, and how many bonus."""
        buckets = (self.bonus, self.paid) if self.bonus_first else (self.paid, self.bonus)
        first = min(amount, buckets[0][card])
        buckets[0][card] -= first
        buckets[1][card] -= amount - first
        return (amount - first, first) if self.bonus_first else (first, amount - first)

    def held(self, card: str) -> int:
        return self.paid[card] + self.bonus[card]

    def balances(self) -> dict[str, dict[str, int]]:
        named = {card: {"paid": self.paid[card], "bonus": self.bonus[card]} for card in HELD}
        return {card: {name: minor for name, minor in held.items() if minor} for card, held in named.items()}


# --- Buying and giving back ---


@dataclass(frozen=True, slots=True)
class Buy:
    card: str
    amount: int


@dataclass(frozen=True, slots=True)
class GiveBack:
    """A part of one of the purchases so far, counted from the first; None is all of it."""

    which: int
    amount: int | None


buys = st.builds(Buy, st.sampled_from(list(HELD)), st.integers(1, 4_000))
commands = st.lists(
    st.one_of(buys, buys, st.builds(GiveBack, st.integers(0, 3), st.none() | st.integers(1, 4_500))), max_size=9
)


@FEW
@given(st.sampled_from(["bonus_first", "paid_first"]), commands)
def test_no_more_comes_back_than_was_taken_and_each_bucket_is_exact(
    new_till: NewTill, order: str, commands: list[Buy | GiveBack]
) -> None:
    model = Model(bonus_first=order == "bonus_first")
    bought: list[_Bought] = []
    with new_till(order) as till:
        for number, command in enumerate(commands):
            if isinstance(command, Buy):
                code, done = _buy(till, command, f"T-{number}")
                assert code == (None if command.amount <= model.held(command.card) else "gift_amount_exceeded")
                if code is None:
                    took = model.take(command.card, command.amount)
                    bought.append(_Bought(done["redemption"]["id"], command.card, took))
                    assert (done["redemption"]["paid"], done["redemption"]["bonus"]) == took
            elif bought:
                one = bought[command.which % len(bought)]
                code, done = _give_back(till, one.number, command.amount)
                assert code == one.refusal(command.amount)
                if code is None:
                    paid, bonus = one.give_back(command.amount, bonus_first=model.bonus_first)
                    model.paid[one.card] += paid
                    model.bonus[one.card] += bonus
                    assert (done["rollback"]["paid"], done["rollback"]["bonus"]) == (paid, bonus)
            assert {card: till.balance(card) for card in HELD} == model.balances()
        till.call("verify").ok()
        assert _given_back(till) == {one.number: -sum(one.left) for one in bought}


@dataclass(slots=True)
class _Bought:
    """A purchase: paid and bonus that it took, and that are `left` to be given back."""

    number: int
    card: str
    took: tuple[int, int]
    left: tuple[int, int] = (0, 0)
    given: bool = False

    def __post_init__(self) -> None:
        self.left = self.took

    def refusal(self, amount: int | None) -> str | None:
        if self.given:
            return "already_rolled_back"
        return "rollback_exceeds_redemption" if amount is not None and amount > sum(self.took) else None

    def give_back(self, amount: int | None, *, bonus_first: bool) -> tuple[int, int]:
        """What was taken last comes back first."""
        amount = sum(self.took) if amount is None else amount
        paid, bonus = self.took
        back = (min(amount, paid), amount - min(amount, paid)) if bonus_first else (
            amount - min(amount, bonus), min(amount, bonus)
        )  # fmt: skip
        self.left, self.given = (paid - back[0], bonus - back[1]), True
        return back


def _buy(till: Till, command: Buy, invoice: str) -> tuple[str | None, dict[str, Any]]:
    words = {"card": command.card, "amount": cents(command.amount), "customer": HOLDERS[command.card]}
    return _outcome(till.redeem("--json", invoice=invoice, **words))


def _give_back(till: Till, number: int, amount: int | None) -> tuple[str | None, dict[str, Any]]:
    options = [] if amount is None else ["--amount", cents(amount)]
    return _outcome(till.call("card", "rollback", str(number), *options, "--json"))


def _outcome(result: Any) -> tuple[str | None, dict[str, Any]]:
    answer = result.json()
    assert result.exit == (4 if answer["errors"] else 0), result.stdout
    return (answer["errors"][0]["code"] if answer["errors"] else None), answer


def _given_back(till: Till) -> dict[int, int]:
    """What is left of each redemption, signed as it stands on the card."""
    return dict(
        read(
            till.ledger,
            """
            SELECT redemptions.id, sum(amount_minor)
            FROM redemptions JOIN transactions ON redemptions.id IN (
                transactions.id, related_transaction,
                (SELECT taken.related_transaction FROM transactions AS taken WHERE taken.id = transactions.related_transaction)
            )
            GROUP BY redemptions.id
            """,
        )
    )


# --- A till's file ---


@dataclass(frozen=True, slots=True, order=True)
class Sale:
    """A row; in the order in which sales are posted. `minute` None is a blank, which is now: the last of all."""

    minute: int
    invoice: str
    card: str
    amount: int
    customer: str

    def cells(self) -> dict[str, str]:
        moment = "" if self.minute == NOW else f"2020-05-03T08:{self.minute:02}:00Z"
        said = {"card_id": self.card, "amount": cents(self.amount), "invoice": self.invoice}
        return {**said, "customer_id": self.customer, "redeemed_at": moment}


NOW = 99
sales = st.builds(
    Sale,
    st.sampled_from([0, 1, 2, 3, NOW]),
    st.sampled_from(["T-1", "T-2", "T-3", "T-4"]),
    st.sampled_from(list(HELD)),
    st.sampled_from([1_000, 1_001, 2_500, 4_000, 7_000]),
    st.just(""),
).flatmap(
    lambda sale: st.builds(
        Sale,
        st.just(sale.minute),
        st.just(sale.invoice),
        st.just(sale.card),
        st.just(sale.amount),
        st.sampled_from([HOLDERS[sale.card]] * 5 + ["C-B1", "C-B2"]),
    )
)
files = st.lists(sales, min_size=1, max_size=14)


def _load(till: Till, *files: Sequence[Sale]) -> dict[str, Any]:
    """The answer of one call with these files."""
    names = [f"till{number}.csv" for number in range(len(files))]
    for name, rows in zip(names, files, strict=True):
        header = "card_id,amount,invoice,customer_id,redeemed_at\n"
        (till.folder / name).write_text(csv_text(*(row.cells() for row in rows)) if rows else header)
    result = till.call("load-redemptions", *names, "--json")
    answer = result.json()
    assert result.exit == (3 if answer["counts"]["rejected"] else 0), result.stdout
    return answer


def _said(till: Till) -> dict[str, Any]:
    """What the ledger has of sales and refusals, whatever runs they came in by."""
    redemptions = read(till.ledger, "SELECT 'c' || card, invoice, customer, redeemed_at FROM redemptions ORDER BY id")
    refused = read(
        till.ledger, "SELECT 'c' || card, invoice, amount_minor, error_code FROM refused_redemptions ORDER BY id"
    )
    moved = read(till.ledger, "SELECT card, bucket, amount_minor, type FROM transactions ORDER BY id")
    return {"redemptions": redemptions, "refused": refused, "moved": moved}


@FEW
@given(files)
def test_the_ledger_is_that_of_a_model_in_plain_python(new_till: NewTill, rows: list[Sale]) -> None:
    model, expected = Model(bonus_first=True), defaultdict[str, int](int)
    known: dict[tuple[str, str], int] = {}
    refused: dict[tuple[str, str, int, str], None] = {}
    for sale in sorted(rows):
        code = _refusal(sale, model, known)
        expected[code] += 1
        if code == "loaded":
            known[sale.card, sale.invoice] = sale.amount
            model.take(sale.card, sale.amount)
        elif code != "unchanged" and not (code == "invoice_already_used" and _was_refused(sale, refused)):
            refused[sale.card, sale.invoice, sale.amount, code] = None
    with new_till("bonus_first") as till:
        answer = _load(till, rows)
        assert (answer["counts"]["loaded"], answer["counts"]["unchanged"]) == (
            expected["loaded"],
            expected["unchanged"],
        )
        assert answer["rejected_by_code"] == {
            code: count for code, count in sorted(expected.items()) if code not in {"loaded", "unchanged"}
        }
        assert {card: till.balance(card) for card in HELD} == model.balances()
        assert _said(till)["refused"] == list(refused)
        assert answer["totals"].get("EUR", {}).get("redeemed", 0) == sum(known.values())
        till.call("verify").ok()


def _was_refused(sale: Sale, refused: Iterable[tuple[str, str, int, str]]) -> bool:
    return (sale.card, sale.invoice, sale.amount) in {one[:3] for one in refused}


def _refusal(sale: Sale, model: Model, known: dict[tuple[str, str], int]) -> str:
    before = known.get((sale.card, sale.invoice))
    if before is not None:
        return "unchanged" if before == sale.amount else "invoice_already_used"
    if sale.customer != HOLDERS[sale.card]:
        return "customer_rules_violated"
    return "loaded" if sale.amount <= model.held(sale.card) else "gift_amount_exceeded"


@pytest.mark.slow
@MANY
@given(files, st.randoms(use_true_random=False))
def test_the_order_of_rows_and_of_files_never_matters(
    new_till: NewTill, rows: list[Sale], chance: random.Random
) -> None:
    """Every row of every table is the same, down to its number."""
    mixed = list(rows)
    chance.shuffle(mixed)
    cut = chance.randint(0, len(mixed))
    with new_till("bonus_first") as till, new_till("bonus_first") as other, new_till("bonus_first") as third:
        answer = _load(till, rows)
        assert _load(other, mixed)["counts"] == answer["counts"]
        assert _load(third, mixed[:cut], mixed[cut:])["counts"] == answer["counts"]
        assert _rows(other) == _rows(till) == _rows(third)


def _rows(till: Till) -> dict[str, Any]:
    """Every row of the tables that a till's file writes to, and of the attempts; and how many runs there are."""
    tables = ("transactions", "redemptions", "refused_redemptions", "attempts")
    runs = read(till.ledger, "SELECT count(*) FROM runs")
    return {"runs": runs, **{name: read(till.ledger, f"SELECT * FROM {name} ORDER BY id") for name in tables}}


@pytest.mark.slow
@MANY
@given(files, st.integers(0, 14))
def test_split_in_time_or_repeated_it_is_the_same(new_till: NewTill, rows: list[Sale], cut: int) -> None:
    in_time = sorted(rows)
    with new_till("bonus_first") as till, new_till("bonus_first") as other:
        _load(till, rows)
        _load(other, in_time[:cut])
        _load(other, in_time[cut:])
        assert _said(other) == _said(till)
        before = _rows(till)
        again = _load(till, rows, rows)
        assert (again["run_id"], again["counts"]["loaded"]) == (None, 0)
        assert _rows(till) == before
