"""What the rounds come to: medians, ratios and growth, as text for people and as JSON for programs."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from machine import Machine
from measures import Measured
from measuring import Timing

SCHEMA_VERSION = 1
MEBIBYTE = 1 << 20

LABELS = {
    "refundctl": "A  refundctl run",
    "floor": "B  sqlite3 shell",
    "pandas": "C  pandas script",
    "again": "D  refundctl run again",
}
LETTERS = {name: label[0] for name, label in LABELS.items()}


@dataclass(frozen=True, slots=True)
class Spread:
    """Several values of one kind."""

    values: Sequence[float]

    @property
    def median(self) -> float:
        """The value in the middle."""
        return median(self.values)

    def as_json(self) -> dict[str, Any]:
        """All of them, and the three that stand for all."""
        return {
            "median": self.median,
            "min": min(self.values),
            "max": max(self.values),
            "values": list(self.values),
        }


def timings_of(measured: Measured, name: str) -> list[Timing]:
    """All turns of one contestant, or of one step."""
    return [turns[name] for turns in measured.rounds]


def wall(measured: Measured, name: str) -> Spread:
    """Seconds by the clock on the wall, of each turn."""
    return Spread([timing.wall_seconds for timing in timings_of(measured, name)])


def rate(measured: Measured, name: str) -> float:
    """Bookings a second, in the middle one of the turns."""
    return measured.bookings / wall(measured, name).median


def ratio(measured: Measured, name: str, other: str) -> Spread:
    """How many times as long the one took as the other, round by round."""
    pairs = zip(wall(measured, name).values, wall(measured, other).values, strict=True)
    return Spread([one / two for one, two in pairs])


def peak_process_bytes(measured: Measured, name: str) -> int:
    """The largest process of all turns."""
    return max(timing.peak_process_bytes for timing in timings_of(measured, name))


def peak_tree_bytes(measured: Measured, name: str) -> int | None:
    """The most that all processes of a turn held together, in any of the turns."""
    return max((timing.peak_tree_bytes or 0 for timing in timings_of(measured, name)), default=0) or None


@dataclass(frozen=True, slots=True)
class Growth:
    """refundctl at one size; each factor compares with the size before: 1.0 is linear time, and flat memory."""

    bookings: int
    seconds: float
    seconds_per_million: float
    time_factor: float | None
    peak_process_bytes: int
    peak_tree_bytes: int | None
    memory_factor: float | None
    times_floor: float | None

    @property
    def peak_bytes(self) -> int:
        """Of all processes together where that could be seen, else of the largest."""
        return self.peak_tree_bytes or self.peak_process_bytes


def growth(sizes: Sequence[Measured]) -> list[Growth]:
    """The whole way at several sizes, from the smallest to the largest."""
    found: list[Growth] = []
    for measured in sorted(sizes, key=lambda size: size.bookings):
        found.append(_growth_since(found[-1] if found else None, measured))
    return found


def _growth_since(before: Growth | None, measured: Measured) -> Growth:
    seconds = wall(measured, "refundctl").median
    per_million = seconds / measured.bookings * 1_000_000
    process, tree = peak_process_bytes(measured, "refundctl"), peak_tree_bytes(measured, "refundctl")
    return Growth(
        bookings=measured.bookings,
        seconds=seconds,
        seconds_per_million=per_million,
        time_factor=None if before is None else per_million / before.seconds_per_million,
        peak_process_bytes=process,
        peak_tree_bytes=tree,
        memory_factor=None if before is None else (tree or process) / before.peak_bytes,
        times_floor=_times_floor(measured),
    )


def _times_floor(measured: Measured) -> float | None:
    pair = ("refundctl", "floor")
    return ratio(measured, *pair).median if pair in measured.pairs else None


# --- For people ---


def machine_text(machine: Machine) -> str:
    """What was measured on, with what; a warning where it is busy."""
    memory = "" if machine.memory_bytes is None else f", {machine.memory_bytes / (1 << 30):.1f} GiB"
    shell, pandas = f"sqlite3 shell {machine.sqlite3_shell or '(none)'}", f"pandas {machine.pandas or '(none)'}"
    disk = machine.filesystem or "unknown disk"
    lines = [
        f"{machine.processor}, {machine.cores} cores{memory}, {machine.system}, {disk}",
        f"refundctl {machine.refundctl}, Python {machine.python} with SQLite {machine.python_sqlite}, {shell}, {pandas}",
        f"Load average at the start: {machine.load_average:.2f}",
    ]
    if machine.is_busy:
        lines.append("Warning: the machine is busy with other work. Seconds mean nothing now, and ratios little.")
    lines.append("Memory: the largest process is the kernel's figure; all processes together are sampled.")
    return "\n".join(lines)


def measured_text(measured: Measured) -> str:
    """What each took, the ratios, and the facts that explain them."""
    title = f"{measured.title}: {measured.bookings:,} bookings, {_rounds(len(measured.rounds))}"
    turns = [
        ["", "seconds", "min", "max", "user+sys", "bookings/s", "largest process", "all processes"],
        *(_turn_row(measured, name) for name in measured.rounds[0]),
    ]
    parts = [title, _table(turns)]
    if measured.pairs:
        parts.append(_table([_ratio_head(measured), *(_ratio_row(measured, *pair) for pair in measured.pairs)]))
    if measured.facts:
        parts.append(_table([[name, f"{count:,}"] for name, count in measured.facts.items()]))
    return "\n\n".join(parts)


def growth_text(sizes: Sequence[Growth]) -> str:
    """A line for each size."""
    rows = [["bookings", "seconds", "s/million", "x before", "largest process", "all processes", "x before", "A / B"]]
    for size in sizes:
        rows.append(
            [
                f"{size.bookings:,}",
                f"{size.seconds:.2f}",
                f"{size.seconds_per_million:.2f}",
                _factor(size.time_factor),
                _mebibytes(size.peak_process_bytes),
                _mebibytes(size.peak_tree_bytes),
                _factor(size.memory_factor),
                _factor(size.times_floor),
            ]
        )
    return f"growth of A, refundctl run (x before: 1.00 is linear time, and flat memory)\n\n{_table(rows)}"


def _turn_row(measured: Measured, name: str) -> list[str]:
    seconds = wall(measured, name)
    cpu = Spread([timing.cpu_seconds for timing in timings_of(measured, name)])
    return [
        LABELS.get(name, name),
        f"{seconds.median:.2f}",
        f"{min(seconds.values):.2f}",
        f"{max(seconds.values):.2f}",
        f"{cpu.median:.2f}",
        f"{rate(measured, name):,.0f}",
        _mebibytes(peak_process_bytes(measured, name)),
        _mebibytes(peak_tree_bytes(measured, name)),
    ]


def _ratio_head(measured: Measured) -> list[str]:
    return ["ratio of seconds", "median", "min", "max", *(["wanted"] if measured.at_most else [])]


def _ratio_row(measured: Measured, name: str, other: str) -> list[str]:
    found = ratio(measured, name, other)
    label = f"{LETTERS.get(name, name)} / {LETTERS.get(other, other)}"
    most = measured.at_most.get((name, other))
    wanted = [] if most is None else [f"at most {most:.2f}"]
    return [label, f"{found.median:.2f}", f"{min(found.values):.2f}", f"{max(found.values):.2f}", *wanted]


def _rounds(count: int) -> str:
    return "1 round" if count == 1 else f"{count} rounds"


def _mebibytes(count: int | None) -> str:
    return "unknown" if count is None else f"{count / MEBIBYTE:.0f} MiB"


def _factor(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def _table(rows: Sequence[Sequence[str]]) -> str:
    """The first column to the left, all others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for first, *others in rows:
        cells = [cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True)]
        lines.append("  ".join([first.ljust(widths[0]), *cells]).rstrip())
    return "\n".join(lines)


# --- For programs ---


def measured_json(measured: Measured) -> dict[str, Any]:
    """Every turn, and what the turns come to. Seconds and bytes."""
    return {
        "measure": measured.title,
        "bookings": measured.bookings,
        "turns": [
            {
                "name": name,
                "wall_seconds": wall(measured, name).as_json(),
                "bookings_per_second": rate(measured, name),
                "peak_process_bytes": peak_process_bytes(measured, name),
                "peak_tree_bytes": peak_tree_bytes(measured, name),
                "timings": [asdict(timing) for timing in timings_of(measured, name)],
            }
            for name in measured.rounds[0]
        ],
        "ratios": [
            {
                "of": name,
                "to": other,
                "wanted_at_most": measured.at_most.get((name, other)),
                **ratio(measured, name, other).as_json(),
            }
            for name, other in measured.pairs
        ],
        "facts": dict(measured.facts),
    }


def growth_json(sizes: Sequence[Growth]) -> list[dict[str, Any]]:
    """A line for each size."""
    return [asdict(size) for size in sizes]


def machine_json(machine: Machine) -> dict[str, Any]:
    """Its facts, and whether it was busy."""
    return {**asdict(machine), "is_busy": machine.is_busy}
