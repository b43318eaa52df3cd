"""What is measured. Each measure is one function, which plays its rounds and returns what they took.

In a round everyone has one turn, in the same order: a machine that gets slower meanwhile is slower for all, so the ratio within
a round tells more than any second.
"""

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from contestants import (
    BOOKINGS_FILE,
    CAMPAIGN,
    RIVALS,
    Desk,
    floor_steps,
    refundctl_again,
    refundctl_run,
)
from made_bookings import Bookings
from measuring import Timing

Turns = Mapping[str, Timing]
Say = Callable[[str], None]

END_TO_END, STEP_BY_STEP = "end to end", "step by step"

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
    def desk(self, bookings: Bookings) -> Iterator[Desk]:
        """A new folder with the bookings in it, gone after the block."""
        with tempfile.TemporaryDirectory(dir=self.folder) as name:
            folder = Path(name)
            (folder / BOOKINGS_FILE).hardlink_to(bookings.path)
            yield Desk(folder, bookings)


@dataclass(frozen=True, slots=True)
class Measured:
    """A measure's rounds: what each turn took, by name; `pairs` are the names whose ratio is of interest."""

    title: str
    bookings: int
    rounds: Sequence[Turns]
    pairs: Sequence[tuple[str, str]]


def end_to_end(bench: Bench, bookings: Bookings) -> Measured:
    """From the file of bookings to the mail file, each contestant as a whole process; then refundctl once more."""

    def play() -> Turns:
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

    def play() -> Turns:
        turns: dict[str, Timing] = {}
        with bench.desk(bookings) as own, bench.desk(bookings) as below:
            own.init()
            for step, words in STEPS.items():
                turns[step] = own.refundctl(*words, "-q")
                if step in floor:
                    turns[f"floor {step}"] = below.shell(floor[step])
            own.check_status()
            own.check_mail("mail.csv")
            if floor:
                below.check_mail("mail.csv")
        return turns

    return _measured(STEP_BY_STEP, bench, bookings, play, [(step, f"floor {step}") for step in floor])


def _measured(
    title: str, bench: Bench, bookings: Bookings, play: Callable[[], Turns], pairs: Sequence[tuple[str, str]]
) -> Measured:
    rounds = []
    for number in range(1, bench.rounds + 1):
        bench.say(f"{title}, {bookings.rows:,} bookings: round {number} of {bench.rounds}")
        rounds.append(play())
    return Measured(title, bookings.rows, rounds, pairs)
