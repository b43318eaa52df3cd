"""What is measured. Each measure is one function, which plays its rounds and returns what they took.

In a round everyone has one turn: a machine that gets slower meanwhile is slower for all, so the ratio within a round tells more
than any second.
"""

import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from contestants import (
    BOOKINGS_FILE,
    CAMPAIGN,
    CAMPAIGN_WITH_RULES,
    RIVALS,
    Desk,
    Posted,
    WrongAnswer,
    bare_commits,
    floor_steps,
    publish,
    redeem_in_turn,
    redeem_once,
    refundctl_again,
    refundctl_plan,
    refundctl_run,
    refundctl_undo,
    topup_with_rules,
    topup_without_rules,
)
from made_bookings import Bookings, write_bookings
from measuring import Timing

Turns = Mapping[str, Timing]
Pair = tuple[str, str]
Say = Callable[[str], None]

END_TO_END, STEP_BY_STEP = "end to end", "step by step"
TOPUP_BY_RULES, PLAN_BESIDE_RUN, UNDO_AFTER_RUN = "topup by rules", "plan beside run", "undo after run"
NO_RULES, TEN_RULES = "no rules", "ten rules"
RULES_COST_AT_MOST, PLAN_COSTS_AT_MOST = 1.25, 1.0
REDEMPTIONS_BESIDE_COMMITS = "redemptions beside bare commits"
REDEMPTIONS, FEW_CARDS = 2_000, 1_000
REDEEMING_COSTS_AT_MOST = 2.5  # 40% of the commits a second

STEPS: Mapping[str, Sequence[str]] = {
    "load": ("load", BOOKINGS_FILE),
    "create": ("create", CAMPAIGN),
    "publish": ("publish", CAMPAIGN),
    "topup": ("topup", CAMPAIGN),
    "mail": ("export", "mail", CAMPAIGN, "-o", "mail.csv"),
    "status": ("status", CAMPAIGN),
    "verify": ("verify",),
}


@dataclass(frozen=True, slots=True)
class Bench:
    """Where and how measures are taken: a folder on the disk to be measured, how many rounds, and against whom."""

    folder: Path
    rounds: int
    rivals: Sequence[str]
    say: Say

    @contextmanager
    def desk(self, bookings: Bookings, campaign: str = CAMPAIGN) -> Iterator[Desk]:
        """A new folder with the bookings in it, gone after the block."""
        with tempfile.TemporaryDirectory(dir=self.folder) as name:
            folder = Path(name)
            (folder / BOOKINGS_FILE).hardlink_to(bookings.path)
            yield Desk(folder, bookings, campaign)


@dataclass(frozen=True, slots=True)
class Measured:
    """A measure's rounds: what each turn took, by name; `pairs` are the names whose ratio is of interest.

    `at_most` is what is wanted of such a ratio, and `facts` are numbers that explain it.
    """

    title: str
    bookings: int
    rounds: Sequence[Turns]
    pairs: Sequence[Pair]
    at_most: Mapping[Pair, float] = field(default_factory=dict)
    facts: Mapping[str, int] = field(default_factory=dict)


Measure = Callable[[Bench, Bookings], Measured]


def end_to_end(bench: Bench, bookings: Bookings) -> Measured:
    """From the file of bookings to the mail file, each contestant as a whole process; then refundctl once more."""

    def play(_: int) -> Turns:
        with bench.desk(bookings) as own:
            turns = {"refundctl": refundctl_run(own)}
            for name in bench.rivals:
                with bench.desk(bookings) as desk:
                    turns[name] = RIVALS[name](desk)
            turns["again"] = refundctl_again(own)
        return turns

    pairs = [("refundctl", name) for name in bench.rivals] + [("again", "refundctl")]
    return _measured(END_TO_END, bench, bookings, play, pairs)


def step_by_step(bench: Bench, bookings: Bookings) -> Measured:
    """Each command as a process of its own, beside the same step of the floor."""
    floor = floor_steps() if "floor" in bench.rivals else {}

    def play(_: int) -> Turns:
        turns: dict[str, Timing] = {}
        with bench.desk(bookings) as own, bench.desk(bookings) as below:
            own.init()
            for step, words in STEPS.items():
                turns[step] = own.refundctl(*words, "-q")
                if step in floor:
                    turns[f"floor {step}"] = below.shell(floor[step])
            own.check_status("paid")
            own.check_mail("mail.csv")
            if floor:
                below.check_mail("mail.csv")
        return turns

    return _measured(STEP_BY_STEP, bench, bookings, play, [(step, f"floor {step}") for step in floor])


def topup_by_rules(bench: Bench, bookings: Bookings) -> Measured:
    """`topup` alone, without rules and with ten, each on a copy of a ledger where all cards are published."""
    sides = {NO_RULES: (CAMPAIGN, topup_without_rules), TEN_RULES: (CAMPAIGN_WITH_RULES, topup_with_rules)}
    posted: dict[str, Posted] = {}
    with ExitStack() as ledgers:
        published = {}
        for name, (campaign, _) in sides.items():
            bench.say(f"{TOPUP_BY_RULES}, {bookings.rows:,} bookings: publishing, {name}")
            published[name] = ledgers.enter_context(bench.desk(bookings, campaign))
            publish(published[name])

        def play(number: int) -> Turns:
            turns = {}
            for name in in_turn(sides, number):
                campaign, topup = sides[name]
                with bench.desk(bookings, campaign) as desk:
                    desk.take_ledger(published[name])
                    turns[name] = topup(desk)
                    posted[name] = desk.posted()
            return turns

        pair = (TEN_RULES, NO_RULES)
        measured = _measured(TOPUP_BY_RULES, bench, bookings, play, [pair], {pair: RULES_COST_AT_MOST})
    return replace(measured, facts=_facts(posted))


def _facts(posted: Mapping[str, Posted]) -> dict[str, int]:
    """What the rules did. Raises WrongAnswer where that is nothing."""
    without, by_rules = posted[NO_RULES], posted[TEN_RULES]
    if not by_rules.touched or without.touched:
        raise WrongAnswer("With rules no booking differs from one without, so there is nothing to measure: take more.")
    return {
        "bookings that rules touch": by_rules.touched,
        "of these, owed in cash": by_rules.in_cash,
        "fees and bonuses in effect": by_rules.rules,
        f"transactions, {NO_RULES}": without.transactions,
        f"transactions, {TEN_RULES}": by_rules.transactions,
    }


def plan_beside_run(bench: Bench, bookings: Bookings) -> Measured:
    """The plan of a run, and the run itself: both from the file of bookings, each in a ledger where nothing is."""
    sides = {"plan": refundctl_plan, "run": refundctl_run}

    def play(number: int) -> Turns:
        turns = {}
        for name in in_turn(sides, number):
            with bench.desk(bookings) as desk:
                turns[name] = sides[name](desk)
        return turns

    pair = ("plan", "run")
    return _measured(PLAN_BESIDE_RUN, bench, bookings, play, [pair], {pair: PLAN_COSTS_AT_MOST})


def undo_after_run(bench: Bench, bookings: Bookings) -> Measured:
    """A run, and the whole of it taken back."""

    def play(_: int) -> Turns:
        with bench.desk(bookings) as desk:
            run = refundctl_run(desk)
            return {"run": run, "undo": refundctl_undo(desk)}

    return _measured(UNDO_AFTER_RUN, bench, bookings, play, [("undo", "run")])


def redeem_beside_commits(bench: Bench, bookings: Bookings) -> Measured:
    """Redemptions by one process with many cards in the ledger and with few, beside as many commits of bare SQLite; and one."""
    few, many, once = f"redeem, {FEW_CARDS:,} cards", "redeem, all cards", "card redeem, one"
    with ExitStack() as ledgers:
        desks = {}
        for name, made in ((few, write_bookings(bench.folder / "few.csv", FEW_CARDS)), (many, bookings)):
            bench.say(f"{REDEMPTIONS_BESIDE_COMMITS}, {made.rows:,} bookings: funding")
            desks[name] = ledgers.enter_context(bench.desk(made))
            refundctl_run(desks[name])
        (bench.folder / "few.csv").unlink()

        def play(number: int) -> Turns:
            turns = {}
            for name in in_turn(["bare commits", few, many], number):
                with bench.desk(bookings) as desk:
                    if name in desks:
                        desk.take_ledger(desks[name])
                        turns[name] = redeem_in_turn(desk, REDEMPTIONS)
                    else:
                        turns[name] = bare_commits(desk, REDEMPTIONS)
                    if name == many:
                        turns[once] = redeem_once(desk, REDEMPTIONS)
            return turns

        pairs = [(few, "bare commits"), (many, "bare commits")]
        at_most = dict.fromkeys(pairs, REDEEMING_COSTS_AT_MOST)
        measured = _measured(REDEMPTIONS_BESIDE_COMMITS, bench, bookings, play, pairs, at_most)
    return replace(measured, facts={"redemptions, and commits, a turn": REDEMPTIONS})


MEASURES: Mapping[str, Measure] = {
    "run": end_to_end,
    "steps": step_by_step,
    "policy": topup_by_rules,
    "plan": plan_beside_run,
    "undo": undo_after_run,
    "redeem": redeem_beside_commits,
}


def in_turn(names: Iterable[str], number: int) -> list[str]:
    """The names in the order of this round: who goes first takes turns too, so that neither always follows the other."""
    return list(names) if number % 2 else list(names)[::-1]


def _measured(
    title: str,
    bench: Bench,
    bookings: Bookings,
    play: Callable[[int], Turns],
    pairs: Sequence[Pair],
    at_most: Mapping[Pair, float] | None = None,
) -> Measured:
    rounds = []
    for number in range(1, bench.rounds + 1):
        bench.say(f"{title}, {bookings.rows:,} bookings: round {number} of {bench.rounds}")
        rounds.append(play(number))
    return Measured(title, bookings.rows, rounds, pairs, at_most or {})
