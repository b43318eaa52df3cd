#!/usr/bin/env python3
"""How fast refundctl is, and how much of that is the price of a ledger: `python bench/bench.py`.

docs/speed.md explains what is measured, and how to read it. Only the standard library is imported here: what the bench itself
holds in memory is the least that can be measured of anyone.
"""

import argparse
import importlib.util
import json
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from contestants import RIVALS, left_out
from figures import (
    SCHEMA_VERSION,
    growth,
    growth_json,
    growth_text,
    machine_json,
    machine_text,
    measured_json,
    measured_text,
)
from machine import Machine, look_around
from made_bookings import write_bookings
from measures import END_TO_END, MEASURES, Bench, Measure, Measured
from measuring import BenchError

ROOT = Path(__file__).resolve().parents[1]
GROWTH = (10_000, 100_000, 1_000_000, 5_000_000)
WARM_UP_BOOKINGS = 100
DISK_BYTES_PER_BOOKING = 2_000  # the bookings themselves, and the files of all contestants of a round


@dataclass(frozen=True, slots=True)
class Options:
    """What was asked for."""

    sizes: Sequence[int]
    rounds: int
    measures: Sequence[str]
    folder: Path
    without: list[str]
    json_file: Path | None


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, and print; 0 unless a contestant fails or gives a wrong answer."""
    options = _options(argv)
    try:
        _measure(options)
    except (BenchError, OSError) as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _options(argv: Sequence[str] | None) -> Options:
    parser = argparse.ArgumentParser(
        prog="bench.py", description="Measure refundctl, in turn with the sqlite3 shell and a pandas script."
    )
    sizes = parser.add_mutually_exclusive_group()
    sizes.add_argument(
        "--bookings", type=_sizes, default=(1_000_000,), metavar="N[,N...]", help="how many (default: 1000000)"
    )
    sizes.add_argument("--growth", action="store_true", help=f"measure {', '.join(f'{size:,}' for size in GROWTH)}")
    parser.add_argument("--pairs", type=_count, default=3, metavar="K", help="turns of each contestant (default: 3)")
    measures = parser.add_mutually_exclusive_group()
    measures.add_argument("--steps", action="store_true", help="measure each command by itself, too")
    measures.add_argument(
        "--only", type=_measures, metavar="NAME[,NAME...]", help=f"what to measure instead: {', '.join(MEASURES)}"
    )
    parser.add_argument("--folder", type=Path, metavar="DIR", help="on the disk to be measured (default: build/)")
    parser.add_argument("--without", action="append", choices=list(RIVALS), default=[], help="leave one out")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures to FILE, too")
    given = parser.parse_args(argv)
    if given.json is not None and not given.json.parent.is_dir():
        parser.error(f"--json: there is no folder {given.json.parent}")
    return Options(
        sizes=GROWTH if given.growth else given.bookings,
        rounds=given.pairs,
        measures=given.only or (("run", "steps") if given.steps else ("run",)),
        folder=given.folder or ROOT / "build",
        without=given.without,
        json_file=given.json,
    )


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number of 1 or more")
    return int(text)


def _sizes(text: str) -> tuple[int, ...]:
    return tuple(sorted({_count(size) for size in text.split(",")}))


def _measures(text: str) -> tuple[str, ...]:
    wanted = text.split(",")
    unknown = [name for name in wanted if name not in MEASURES]
    if unknown:
        raise argparse.ArgumentTypeError(f"{unknown[0]!r} is none of {', '.join(MEASURES)}")
    return tuple(name for name in MEASURES if name in wanted)


def _measure(options: Options) -> None:
    if importlib.util.find_spec("refundctl") is None:
        raise BenchError(f"refundctl is not installed for {sys.executable}: run `pip install .` in {ROOT}.")
    options.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="bench-", dir=options.folder) as name:
        folder = Path(name).resolve()
        _check_room(folder, max(options.sizes))
        machine, absent = look_around(folder), left_out(options.without)
        print(machine_text(machine), flush=True)
        for rival, reason in absent.items():
            print(f"Without the {rival}: {reason}.", flush=True)
        rivals = [rival for rival in RIVALS if rival not in absent]
        measured = _play(Bench(folder, options.rounds, rivals, _say), options)
    whole_way = [found for found in measured if found.title == END_TO_END]
    sizes = growth(whole_way) if len(whole_way) > 1 else []
    if sizes:
        print(f"\n{growth_text(sizes)}")
    if options.json_file is not None:
        figures = {"measures": [measured_json(found) for found in measured], "growth": growth_json(sizes)}
        _write_json(options.json_file, machine, absent, figures)


def _play(bench: Bench, options: Options) -> list[Measured]:
    measures = [MEASURES[name] for name in options.measures]
    _warm_up(bench, measures)
    found = []
    for size in options.sizes:
        _say(f"writing {size:,} bookings")
        bookings = write_bookings(bench.folder / f"bookings-{size}.csv", size)
        for measure in measures:
            found.append(measure(bench, bookings))
            print(f"\n{measured_text(found[-1])}", flush=True)
        bookings.path.unlink()
    return found


def _warm_up(bench: Bench, measures: Sequence[Measure]) -> None:
    """One round that does not count: programs come off the disk, and a wrong answer shows at once."""
    bookings = write_bookings(bench.folder / "warm-up.csv", WARM_UP_BOOKINGS)
    _say("warming up")
    for measure in measures:
        measure(replace(bench, rounds=1, say=lambda _: None), bookings)


def _check_room(folder: Path, bookings: int) -> None:
    free, needed = shutil.disk_usage(folder).free, bookings * DISK_BYTES_PER_BOOKING
    if free < needed:
        raise BenchError(
            f"{bookings:,} bookings need some {needed >> 20:,} MiB in {folder.parent}, which has {free >> 20:,}: "
            "make room, name another disk by --folder, or measure fewer."
        )


def _say(text: str) -> None:
    print(f"... {text}", file=sys.stderr, flush=True)


def _write_json(path: Path, machine: Machine, absent: dict[str, str], figures: dict[str, Any]) -> None:
    written = {
        "schema_version": SCHEMA_VERSION,
        "command": sys.argv,
        "finished_at": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "machine": machine_json(machine),
        "left_out": absent,
        **figures,
    }
    path.write_text(json.dumps(written, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
