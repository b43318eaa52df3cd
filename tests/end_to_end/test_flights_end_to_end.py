"""8,255 real flights that never left, from the airline's file to gift cards: every cent arrives, and arrives once."""

import json
import stat
from dataclasses import dataclass
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from support.books import LEDGER, everything, minor, number, read, rows_of
from support.command_line import CAMPAIGN, OwnProcess, ThisProcess, small_campaigns
from support.data.flights import CANCELLED_FLIGHTS, FlightBookings, write_flight_bookings

RUN = ("run", CAMPAIGN, "flights.csv", "--out", "out", "--json")


@dataclass(frozen=True, slots=True)
class Airline:
    """A folder in which the flights were refunded, and what the command said."""

    folder: Path
    bookings: FlightBookings
    answer: dict[str, Any]

    @property
    def ledger(self) -> Path:
        return self.folder / LEDGER

    @property
    def out(self) -> Path:
        return self.folder / "out"

    def __call__(self, *argv: str | Path) -> Any:
        return ThisProcess(self.folder)(*argv)


@pytest.fixture(scope="module")
def airline(tmp_path_factory: pytest.TempPathFactory) -> Airline:
    folder = tmp_path_factory.mktemp("airline")
    bookings = write_flight_bookings(folder / "flights.csv")
    campaigns = small_campaigns(currency="USD", timezone="America/New_York", no_expiry_in=["US-ME"])
    (folder / "campaigns.yaml").write_text(campaigns, encoding="utf-8")
    answer = OwnProcess(folder)(*RUN).ok().json()
    for kind in ("cards", "transactions", "publications", "bookings"):
        ThisProcess(folder)("export", kind, CAMPAIGN, "-o", f"{kind}.csv").ok()
    return Airline(folder, bookings, answer)


def test_every_row_is_loaded_published_and_funded(airline: Airline) -> None:
    assert airline.bookings.rows == CANCELLED_FLIGHTS
    assert airline.answer["counts"] == {
        "rows": CANCELLED_FLIGHTS,
        "loaded": CANCELLED_FLIGHTS,
        "updated": 0,
        "unchanged": 0,
        "filtered": 0,
        "rejected": 0,
        "created": 1,
        "published": CANCELLED_FLIGHTS,
        "funded": CANCELLED_FLIGHTS,
    }
    assert number(airline.ledger, "SELECT count(*) FROM customers") == airline.bookings.customers


def test_every_sum_is_the_same_to_the_cent(airline: Airline) -> None:
    """What the airline owes, loaded, paid, on the cards, in the mail and in the ledger."""
    steps = airline.answer["steps"]
    columns = {
        "mail": (airline.out / "mail.csv", "balance"),
        "cards": (airline.folder / "cards.csv", "balance"),
        "transactions": (airline.folder / "transactions.csv", "amount"),
        "bookings": (airline.folder / "bookings.csv", "paid"),
        "flights": (airline.folder / "flights.csv", "order_amount"),
    }
    sums = {name: sum(minor(row[column]) for row in rows_of(path)) for name, (path, column) in columns.items()}
    sums["loaded"] = steps["load"]["totals"]["USD"]["total"]
    sums["topped up"] = steps["topup"]["totals"]["USD"]["total"]
    sums["mailed"] = airline.answer["mail"]["totals"]["USD"]["balance"]
    sums["ledger"] = number(airline.ledger, "SELECT sum(amount_minor) FROM transactions")
    sums["status"] = airline("status", "--json").ok().json()["campaigns"][0]["totals"]["USD"]["outstanding"]
    assert sums == dict.fromkeys(sums, airline.bookings.total_minor)


def test_each_passenger_is_mailed_what_the_flight_cost(airline: Airline) -> None:
    paid = {
        row["booking_id"]: (row["email"], row["name"], row["order_amount"])
        for row in rows_of(airline.folder / "flights.csv")
    }
    mailed = {
        row["booking_id"]: (row["email"], row["name"], row["balance"]) for row in rows_of(airline.out / "mail.csv")
    }
    assert mailed == paid


def test_cards_expire_except_where_that_is_forbidden(airline: Airline) -> None:
    countries = {row["booking_id"]: row["country"] for row in rows_of(airline.folder / "flights.csv")}
    expiries = {row["booking_id"]: row["expires_on"] for row in rows_of(airline.out / "mail.csv")}
    for_ever = {booking for booking, expires_on in expiries.items() if not expires_on}
    assert for_ever == {booking for booking, country in countries.items() if country == "US-ME"}
    assert len(for_ever) > 1_000
    assert len(set(expiries.values())) == 2


def test_every_code_is_its_own_and_tells_nothing_of_its_neighbours(airline: Airline) -> None:
    codes = [code for (code,) in read(airline.ledger, "SELECT code FROM cards ORDER BY id")]
    assert len(set(codes)) == len(codes) == CANCELLED_FLIGHTS
    assert abs(rank_correlation(codes)) < 0.05
    # Nor do the codes follow the amounts, the holders or each other by one sign more than chance.
    by_amount = [
        code
        for (code,) in read(
            airline.ledger, "SELECT code FROM cards, card_balances WHERE card = id ORDER BY balance_minor"
        )
    ]
    assert abs(rank_correlation(by_amount)) < 0.05
    neighbours = list(pairwise(codes))
    alike = sum(
        one == other
        for first, second in neighbours
        for one, other in zip(first[3:], second[3:], strict=True)
        if one != "-"
    )
    assert alike / (16 * len(neighbours)) == pytest.approx(1 / 31, abs=0.003)


def rank_correlation(texts: list[str]) -> float:
    """Spearman's: 1 where the texts stand in their order, -1 in the opposite one, about 0 in none."""
    count = len(texts)
    rank = {text: place for place, text in enumerate(sorted(texts))}
    squares = sum((place - rank[text]) ** 2 for place, text in enumerate(texts))
    return 1 - 6 * squares / (count * (count**2 - 1))


def test_the_measure_would_see_codes_in_order(airline: Airline) -> None:
    codes = sorted(row["code"] for row in rows_of(airline.folder / "cards.csv"))
    assert rank_correlation(codes) == pytest.approx(1)
    assert rank_correlation(codes[::-1]) == pytest.approx(-1)


def test_the_summary_is_true(airline: Airline) -> None:
    summary = json.loads((airline.out / "summary.json").read_text(encoding="utf-8"))
    assert (summary["command"], summary["campaign"], summary["status"]) == ("run", CAMPAIGN, "ok")
    assert summary["run_id"] == airline.answer["run_id"]
    for step in ("load", "publish", "topup"):
        assert summary["steps"][step]["counts"] == airline.answer["steps"][step]["counts"]
        assert summary["steps"][step]["totals"] == airline.answer["steps"][step]["totals"]
    assert summary["mail"] == {
        "rows": CANCELLED_FLIGHTS,
        "unreachable": 0,
        "totals": {"USD": {"balance": airline.bookings.total_minor, "unreachable": 0}},
    }
    [file] = summary["files"]
    assert file == {
        "path": "flights.csv",
        "rows": CANCELLED_FLIGHTS,
        "sha256": sha256((airline.folder / "flights.csv").read_bytes()).hexdigest(),
    }


def test_the_manifest_is_true(airline: Airline) -> None:
    manifest = json.loads((airline.out / "manifest.json").read_text(encoding="utf-8"))
    assert (manifest["campaign"], manifest["run_id"]) == (CAMPAIGN, airline.answer["run_id"])
    files = {file["path"]: file for file in manifest["files"]}
    assert (
        set(files) == {"mail.csv", "summary.json"} == {path.name for path in airline.out.iterdir()} - {"manifest.json"}
    )
    assert files["mail.csv"]["rows"] == CANCELLED_FLIGHTS
    assert files["mail.csv"]["totals"] == {"USD": airline.bookings.total_minor}
    for name, file in files.items():
        assert file["sha256"] == sha256((airline.out / name).read_bytes()).hexdigest()
    assert manifest["seal"] == airline.answer["mail"]["seal"]
    airline("verify", "--against", "out/manifest.json").ok()


def test_the_command_names_the_same_files(airline: Airline) -> None:
    said = {Path(file["path"]).name: file["sha256"] for file in airline.answer["files"]}
    assert said["mail.csv"] == sha256((airline.out / "mail.csv").read_bytes()).hexdigest()
    assert said["flights.csv"] == sha256((airline.folder / "flights.csv").read_bytes()).hexdigest()


def test_what_carries_codes_is_the_operators_alone(airline: Airline) -> None:
    assert {stat.filemode(path.stat().st_mode) for path in airline.out.iterdir()} == {"-rw-------"}
    assert stat.filemode(airline.out.stat().st_mode) == "drwx------"
    assert stat.filemode(airline.ledger.stat().st_mode) == "-rw-------"


def test_a_second_run_adds_nothing(airline: Airline) -> None:
    before = everything(airline.ledger)
    files = {path.name: path.read_bytes() for path in airline.out.iterdir()}
    answer = airline(*RUN).ok().json()
    assert (answer["run_id"], answer["mail"], answer["totals"]["USD"]["total"]) == (None, None, 0)
    assert answer["counts"]["unchanged"] == answer["steps"]["topup"]["counts"]["already_funded"] == CANCELLED_FLIGHTS
    assert everything(airline.ledger) == before
    assert {path.name: path.read_bytes() for path in airline.out.iterdir()} == files


def test_the_same_flights_in_another_order_add_nothing(airline: Airline) -> None:
    header, *rows = (airline.folder / "flights.csv").read_text(encoding="utf-8").splitlines()
    (airline.folder / "again.csv").write_text("\r\n".join([header, *sorted(rows, reverse=True)]), encoding="utf-8-sig")
    counts = airline("load", "again.csv", "--json").ok().json()["counts"]
    assert counts["unchanged"] == counts["rows"] == CANCELLED_FLIGHTS


def test_control_totals_agree_or_refuse(airline: Airline) -> None:
    total = airline.bookings.total_minor
    airline(
        "load",
        "flights.csv",
        "--expect-count",
        str(CANCELLED_FLIGHTS),
        "--expect-total",
        f"USD {total // 100}.{total % 100:02d}",
    ).ok()
    refused = airline("load", "flights.csv", "--expect-total", f"USD {total // 100}.{(total + 1) % 100:02d}", "--json")
    assert (refused.exit, refused.json()["errors"][0]["code"]) == (4, "control_total_mismatch")


def test_the_books_are_sound(airline: Airline) -> None:
    airline("verify").ok()
