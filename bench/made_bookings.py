#!/usr/bin/env python3
"""Cancelled bookings by made-up people, as many as one likes: `python bench/made_bookings.py 10000 bookings.csv`.

The same number of bookings is the same file, byte for byte. It is written row by row, so that any number fits into memory.
"""

import argparse
import csv
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

SEED = 20200401
CURRENCY = "EUR"
CUSTOMERS_PER_BOOKING = 0.8  # so a good part of the people have more than one booking
LOWEST_MINOR, HIGHEST_MINOR = 500, 150_000
COLUMNS = (
    "booking_id", "customer_id", "email", "name", "order_amount", "currency", "status", "booked_at", "cancelled_at",
    "channel", "category", "tier", "country",
)  # fmt: skip

GIVEN_NAMES = ("Ana", "José", "Łukasz", "Müge", "Oleg", "Chloé", "Siobhán", "Jürgen", "Олена", "美咲", "Nia")
FAMILY_NAMES = ("Nowak", "García", "O'Neil", "Yılmaz", "Öberg", "Silva", "Smith-Jones", "Іваненко", "佐藤")
CHANNELS = ("web", "app", "agency", "phone")
CATEGORIES = ("flight", "hotel", "bundle")
TIERS = ("", "basic", "silver", "gold")
COUNTRIES = ("PL", "DE", "FR", "ES", "US-ME")
FIRST_BOOKED, LAST_BOOKED = date(2019, 11, 1), date(2020, 3, 10)
FIRST_CANCELLED, LAST_CANCELLED = date(2020, 3, 15), date(2020, 4, 30)


@dataclass(frozen=True, slots=True)
class Bookings:
    """A file of bookings; `total_minor` is what it comes to in cents."""

    path: Path
    rows: int
    total_minor: int


def write_bookings(path: Path, rows: int) -> Bookings:
    """Write `rows` bookings to `path`, all of them cancelled and owed in full."""
    chance = random.Random(SEED)  # noqa: S311 - people, not secrets
    total_minor = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        lines = csv.writer(file, lineterminator="\n")
        lines.writerow(COLUMNS)
        for line, minor in _bookings(chance, rows):
            lines.writerow(line)
            total_minor += minor
    return Bookings(path, rows, total_minor)


def _bookings(chance: random.Random, rows: int) -> Iterator[tuple[tuple[str, ...], int]]:
    """Each booking with its amount in cents. What belongs to a person is the same in all of a person's bookings."""
    customers = max(1, int(rows * CUSTOMERS_PER_BOOKING))
    booked, cancelled = _days(FIRST_BOOKED, LAST_BOOKED), _days(FIRST_CANCELLED, LAST_CANCELLED)
    for number in range(1, rows + 1):
        customer = int(chance.random() * customers)
        minor = LOWEST_MINOR + int(chance.random() * (HIGHEST_MINOR - LOWEST_MINOR + 1))
        given, family = _of(GIVEN_NAMES, customer), _of(FAMILY_NAMES, customer // len(GIVEN_NAMES))
        line = (
            f"B{number:08d}",
            f"C{customer:08d}",
            f"guest{customer}@example.org",
            f"{given} {family}",
            f"{minor // 100}.{minor % 100:02d}",
            CURRENCY,
            "cancelled",
            _of(booked, number),
            _of(cancelled, number),
            _of(CHANNELS, number),
            _of(CATEGORIES, number),
            _of(TIERS, customer),
            _of(COUNTRIES, customer),
        )
        yield line, minor


def _of(values: tuple[str, ...], number: int) -> str:
    return values[number % len(values)]


def _days(first: date, last: date) -> tuple[str, ...]:
    return tuple((first + timedelta(days)).isoformat() for days in range((last - first).days + 1))


def main() -> None:
    """Write one file, and say what it comes to."""
    options = argparse.ArgumentParser(description="Write made-up cancelled bookings as CSV.")
    options.add_argument("bookings", type=int, help="how many")
    options.add_argument("file", type=Path)
    given = options.parse_args()
    made = write_bookings(given.file, given.bookings)
    print(f"{made.path}: {made.rows:,} bookings, {CURRENCY} {made.total_minor // 100:,}.{made.total_minor % 100:02d}")


if __name__ == "__main__":
    main()
