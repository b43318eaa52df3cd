"""What other systems export goes in as it is: each sample from the file to the card, by figures worked out by hand."""

import csv
import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from support.books import LEDGER, everything, number
from support.command_line import CommandLine, small_campaigns
from support.desks.bookings_desk import counts, csv_text, rows_of
from support.repository import SAMPLE_DATA

CURRENCIES = ("EUR", "USD", "JPY", "GBP")
NOW = "2020-05-01T12:00:00Z"
OWN_PRETIX = "sources: {our-pretix: {preset: pretix, constants: {currency: EUR}}}\n"


@dataclass(frozen=True)
class Sample:
    """A sample file: how many of its rows end how, and what each order's card is worth, by currency.

    `fixed` are cells of the rejects file, by the number of the order, and `then` the cards that this adds.
    """

    name: str
    loaded: int
    filtered: int
    rejected: int
    cards: Mapping[str, Mapping[str, str]]
    fixed: Mapping[str, Mapping[str, str]]
    then: Mapping[str, Mapping[str, str]]
    has_emails: bool = True
    options: tuple[str, ...] = ()
    totals: Mapping[str, int] = field(default_factory=dict)

    @property
    def file(self) -> str:
        return f"{self.name}.csv"

    @property
    def source(self) -> str:
        return self.options[1] if self.options else self.name


SAMPLES = {
    sample.name: sample
    for sample in (
        # Of 12 rows, #1001 has two and #1003 three. #1004 is pending, #1005 refunded, #1007 (two rows) voided.
        # #1003 cost 120.00, of which 30.00 are paid back. #1008 is paid back in full, though not called so.
        Sample(
            "shopify",
            loaded=7,
            filtered=4,
            rejected=1,
            cards={"EUR": {"#1001": "89.90", "#1002": "45.00", "#1003": "90.00"}, "USD": {"#1006": "39.99"}},
            totals={"EUR": 224_90, "USD": 39_99},
            fixed={"#1008": {"Refunded Amount": "0.50"}},
            then={"EUR": {"#1008": "75.00"}},
        ),
        # 1003: 200.00 less 50.00. 1009: 40.00 less 10 and 5.50. 1010: 30.00 less 30.00. Unpaid: 1004, 1006, 1007.
        Sample(
            "woocommerce",
            loaded=5,
            filtered=4,
            rejected=1,
            cards={
                "EUR": {"1001": "59.00", "1002": "120.50", "1003": "150.00", "1009": "24.50"},
                "USD": {"1008": "75.25"},
            },
            totals={"EUR": 354_00, "USD": 75_25},
            fixed={"1010": {"refund_items": ""}},
            then={"EUR": {"1010": "30.00"}},
        ),
        # Jan: 120.00 less 20.00. Greta: 80.00 less 25.50. Tom: 19.99 less 19.99. Yen have no decimals.
        Sample(
            "stripe",
            loaded=5,
            filtered=4,
            rejected=1,
            cards={
                "EUR": {"ch_3SampleAna": "50.00", "ch_3SampleJan": "100.00", "ch_3SampleGreta": "54.50"},
                "USD": {"py_3SampleEmily": "75.50"},
                "JPY": {"ch_3SampleYuki": "12000"},
            },
            totals={"EUR": 204_50, "USD": 75_50, "JPY": 12_000},
            fixed={"ch_3SampleTom": {"Amount Refunded": "9.99"}},
            then={"GBP": {"ch_3SampleTom": "10.00"}},
            has_emails=False,
        ),
        # 11001: 2 tickets of 25.00. 11007: 3 of 15.50. 11003: one of two attended. 11004 is free, 11005 of two people.
        Sample(
            "eventbrite",
            loaded=7,
            filtered=2,
            rejected=3,
            cards={"EUR": {"11001": "50.00", "11002": "40.00", "11003": "25.00"}, "USD": {"11007": "46.50"}},
            totals={"EUR": 115_00, "USD": 46_50},
            fixed={"11004": {"Total Paid": "5.00"}, "11005": {"Email": "liisa.makinen@example.com"}},
            then={"EUR": {"11004": "5.00", "11005": "50.00"}},
        ),
        # K9LMN was cancelled without having been paid. F7GHJ cost nothing.
        Sample(
            "pretix",
            loaded=5,
            filtered=3,
            rejected=1,
            cards={"EUR": {"A8VKP": "60.00", "H3WFQ": "90.50", "W9XYZ": "120.00", "B8CDE": "15.75", "L3MNP": "48.00"}},
            totals={"EUR": 334_25},
            fixed={"F7GHJ": {"Order total": "12.00"}},
            then={"EUR": {"F7GHJ": "12.00"}},
            options=("--source", "our-pretix"),
        ),
        # ...005 cost nothing, ...008 says `99` without a currency.
        Sample(
            "booking.com",
            loaded=5,
            filtered=2,
            rejected=2,
            cards={
                "EUR": {"4000111002": "185.50", "4000111006": "1250.75"},
                "USD": {"4000111001": "300.00", "4000111009": "240.00"},
                "JPY": {"4000111007": "64000"},
            },
            totals={"EUR": 1436_25, "USD": 540_00, "JPY": 64_000},
            fixed={"4000111005": {"Price": "10 EUR"}, "4000111008": {"Price": "99 USD"}},
            then={"EUR": {"4000111005": "10.00"}, "USD": {"4000111008": "99.00"}},
            has_emails=False,
        ),
    )
}
EACH_SAMPLE = pytest.mark.parametrize("sample", SAMPLES.values(), ids=SAMPLES)


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """A folder with the samples, and a campaign in each of their currencies for whatever was paid."""
    for name in SAMPLES:
        shutil.copy(SAMPLE_DATA / f"{name}.csv", tmp_path)
    campaigns = [small_campaigns(code.lower(), currency=code, eligible={}) for code in CURRENCIES]
    bodies = "".join(text.partition("campaigns:\n")[2] for text in campaigns)
    (tmp_path / "campaigns.yaml").write_text(f"version: 1\n{OWN_PRETIX}campaigns:\n{bodies}", encoding="utf-8")
    return tmp_path


def run(cli: CommandLine, sample: Sample, currency: str, out: str, file: str | None = None) -> Any:
    return cli("run", currency.lower(), file or sample.file, *sample.options, "--out", out, "--json", now=NOW)


def worth(cli: CommandLine, currency: str) -> dict[str, str]:
    """What the card of each booking is worth."""
    cards = cli("export", "cards", currency.lower(), "-o", "-", now=NOW).ok().stdout
    return {card["booking_id"]: card["balance"] for card in rows_of(cards)}


def minor(cards: Mapping[str, str]) -> int:
    return sum(int(balance.replace(".", "")) for balance in cards.values())


@EACH_SAMPLE
def test_each_order_is_worth_what_was_paid_less_what_was_paid_back(
    sample: Sample, run_in_process: CommandLine, desk: Path
) -> None:
    expected = counts(loaded=sample.loaded, filtered=sample.filtered, rejected=sample.rejected)
    assert sum(1 for _ in rows_of(desk / sample.file)) == expected["rows"]
    known = {**expected, "loaded": 0, "unchanged": sample.loaded}
    first = next(iter(sample.cards))
    for currency, cards in sample.cards.items():
        result = run(run_in_process, sample, currency, f"out-{currency}")
        answer = result.json()
        assert (result.exit, answer["status"]) == (3, "partial")
        assert answer["sources"] == {sample.file: sample.source}
        found = "" if sample.options else f"{sample.file}: read as {sample.name}, which its header shows.\n"
        assert result.stderr == found
        load = answer["steps"]["load"]
        assert load["counts"] == (expected if currency == first else known)
        totals = {code: sums["total"] for code, sums in load["totals"].items()}
        assert totals == (sample.totals if currency == first else {})
        assert answer["totals"][currency] == {
            "paid": minor(cards), "bonus": 0, "fee": 0, "cash": 0, "total": minor(cards),
        }  # fmt: skip
        assert minor(cards) == sample.totals[currency]
        assert worth(run_in_process, currency) == cards
        mail = {row["booking_id"]: row["balance"] for row in rows_of(desk / f"out-{currency}" / "mail.csv")}
        assert mail == (cards if sample.has_emails else {})
        assert answer["mail"]["unreachable"] == (0 if sample.has_emails else len(cards))
    run_in_process("verify", now=NOW).ok()


@EACH_SAMPLE
def test_the_same_export_again_does_nothing(sample: Sample, run_in_process: CommandLine, desk: Path) -> None:
    for currency in sample.cards:
        run(run_in_process, sample, currency, f"out-{currency}")
    before = everything(desk / LEDGER)
    for currency in sample.cards:
        mail = (desk / f"out-{currency}" / "mail.csv").read_bytes()
        again = run(run_in_process, sample, currency, f"out-{currency}")
        answer = again.json()
        assert (again.exit, answer["run_id"], answer["mail"]) == (3, None, None)
        assert (answer["counts"]["unchanged"], answer["counts"]["loaded"]) == (sample.loaded, 0)
        assert (answer["counts"]["funded"], answer["counts"]["published"]) == (0, 0)
        assert (desk / f"out-{currency}" / "mail.csv").read_bytes() == mail
    assert everything(desk / LEDGER) == before


@EACH_SAMPLE
def test_the_rejects_are_mended_and_loaded_by_themselves(
    sample: Sample, run_in_process: CommandLine, desk: Path
) -> None:
    for currency in sample.cards:
        run(run_in_process, sample, currency, f"out-{currency}")
    fix(desk / f"out-{next(iter(sample.cards))}" / "rejects.csv", sample)
    for currency, cards in sample.then.items():
        result = run(
            run_in_process, sample, currency, f"fixed-{currency}", f"out-{next(iter(sample.cards))}/rejects.csv"
        )
        answer = result.ok().json()
        assert answer["counts"]["rows"] == sample.rejected
        assert answer["totals"][currency]["total"] == minor(cards)
        assert worth(run_in_process, currency) == {**sample.cards.get(currency, {}), **cards}
    run_in_process("verify", now=NOW).ok()


def fix(path: Path, sample: Sample) -> None:
    """The rejects file with other cells, as a person would write them."""
    with path.open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    for number_, cells in sample.fixed.items():
        [*of_order] = (row for row in rows if number_ in row)
        assert of_order
        for row in of_order:
            for name, text in cells.items():
                row[header.index(name)] = text
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *rows])


def test_pretix_without_a_source_of_ones_own_is_told_what_to_write(run_in_process: CommandLine, desk: Path) -> None:
    result = run_in_process("run", "eur", "pretix.csv", "--out", "out")
    assert (result.exit, result.stdout) == (65, "")
    assert result.stderr == (
        "pretix.csv: read as pretix, which its header shows.\n"
        "Error: pretix.csv has no column `currency`, and its amounts name none; write "
        "`sources: {our-pretix: {preset: pretix, constants: {currency: EUR}}}` into the campaigns file, with your "
        "currency, and load the file with `--source our-pretix`.\n"
    )
    assert not (desk / "out").exists()
    # What it says can be written as it stands.
    (desk / "campaigns.yaml").write_text(f"version: 1\n{OWN_PRETIX}")
    answer = run_in_process("load", "pretix.csv", "--source", "our-pretix", "--json").json()
    assert answer["totals"]["EUR"]["total"] == 334_25


def test_guests_of_booking_com_are_mailed_once_their_addresses_are_known(
    run_in_process: CommandLine, desk: Path
) -> None:
    sample = SAMPLES["booking.com"]
    for currency in sample.cards:
        unreached = run(run_in_process, sample, currency, f"out-{currency}").json()
        assert (unreached["mail"]["rows"], unreached["mail"]["unreachable"]) == (0, len(sample.cards[currency]))
        assert unreached["mail"]["totals"][currency] == {"balance": 0, "unreachable": minor(sample.cards[currency])}
    numbers = [booking for cards in sample.cards.values() for booking in cards]
    people = csv_text(*({"customer_id": one, "email": f"guest{one}@example.com"} for one in numbers))
    (desk / "guests.csv").write_text(people, encoding="utf-8")
    known = run_in_process("load-customers", "guests.csv", "--json", now=NOW).ok().json()
    assert known["counts"] == counts(updated=5)
    for currency, cards in sample.cards.items():
        answer = run(run_in_process, sample, currency, f"mailed-{currency}").json()
        assert (answer["counts"]["funded"], answer["mail"]["rows"], answer["mail"]["unreachable"]) == (0, len(cards), 0)
        mail = rows_of(desk / f"mailed-{currency}" / "mail.csv")
        assert {row["booking_id"]: row["balance"] for row in mail} == cards
        assert {row["email"] for row in mail} == {f"guest{one}@example.com" for one in cards}
    before = everything(desk / LEDGER)
    for currency in sample.cards:
        for out in (f"mailed-{currency}", f"once-more-{currency}"):
            again = run(run_in_process, sample, currency, out).json()
            assert (again["run_id"], again["mail"]) == (None, None)
    assert everything(desk / LEDGER) == before
    assert number(desk / LEDGER, "SELECT count(*) FROM transactions") == 5


def test_all_six_at_once(run_in_process: CommandLine, desk: Path) -> None:
    """One call for all that need no source of their own: each file is read by the preset that its header shows."""
    files = [sample.file for sample in SAMPLES.values() if not sample.options]
    answer = run_in_process("load", *files, "--json", now=NOW).json()
    assert answer["sources"] == {sample.file: sample.name for sample in SAMPLES.values() if not sample.options}
    expected = [sample for sample in SAMPLES.values() if not sample.options]
    assert answer["counts"] == counts(
        loaded=sum(sample.loaded for sample in expected),
        filtered=sum(sample.filtered for sample in expected),
        rejected=sum(sample.rejected for sample in expected),
    )
    # 224.90 + 354.00 + 204.50 + 115.00 + 1436.25; 39.99 + 75.25 + 75.50 + 46.50 + 540.00; 12000 + 64000
    assert {code: sums["total"] for code, sums in answer["totals"].items()} == {
        "EUR": 2334_65, "USD": 777_24, "JPY": 76_000,
    }  # fmt: skip


def test_a_preset_is_found_under_any_name_and_from_stdin(run_in_process: CommandLine, desk: Path) -> None:
    content = (desk / "stripe.csv").read_bytes()
    (desk / "payments-2020-05").write_bytes(content)
    answer = run_in_process("load", "payments-2020-05", "--json", now=NOW).json()
    assert answer["sources"] == {"payments-2020-05": "stripe"}
    streamed = run_in_process("load", "-", "--rejects", "r.csv", "--json", stdin=content, now=NOW).json()
    assert (streamed["sources"], streamed["counts"]["unchanged"]) == ({"stdin": "stripe"}, 5)


def test_quiet_says_nothing_of_the_preset(run_in_process: CommandLine, desk: Path) -> None:
    result = run_in_process("load", "shopify.csv", "--quiet", now=NOW)
    assert (result.exit, result.stderr) == (3, "")


Change = Callable[[str], str]
WORN: dict[str, Change] = {
    "semicolons": lambda text: _with(text, delimiter=";"),
    "tabs": lambda text: _with(text, delimiter="\t"),
    "all in quotes": lambda text: _with(text, quoting=csv.QUOTE_ALL),
    "CRLF": lambda text: text.replace("\n", "\r\n"),
    "a BOM": lambda text: "\ufeff" + text,
    "capital headers": lambda text: text.partition("\n")[0].upper() + "\n" + text.partition("\n")[2],
}


def _with(text: str, **how: Any) -> str:
    import io

    out = io.StringIO()
    csv.writer(out, lineterminator="\n", **how).writerows(csv.reader(io.StringIO(text, newline="")))
    return out.getvalue()


@pytest.mark.parametrize("wear", WORN.values(), ids=WORN)
def test_an_export_in_other_clothes_is_the_same(wear: Change, run_in_process: CommandLine, desk: Path) -> None:
    for sample in SAMPLES.values():
        text = (desk / sample.file).read_text(encoding="utf-8")
        (desk / f"worn-{sample.file}").write_text(wear(text), encoding="utf-8", newline="")
        first = run_in_process("load", sample.file, *sample.options, "--json", now=NOW).json()
        again = run_in_process("load", f"worn-{sample.file}", *sample.options, "--json", now=NOW).json()
        assert again["sources"] == {f"worn-{sample.file}": sample.source}
        assert again["counts"] == {**first["counts"], "loaded": 0, "unchanged": sample.loaded}


def test_the_journal_names_the_source_of_each_booking(run_in_process: CommandLine, desk: Path) -> None:
    """So that a campaign can be for the bookings of one shop: `eligible: {source: [shopify]}`."""
    campaign = small_campaigns("shop-only", eligible={"source": ["shopify"]}).partition("campaigns:\n")[2]
    with (desk / "campaigns.yaml").open("a", encoding="utf-8") as file:
        file.write(campaign)
    result = run_in_process("run", "shop-only", "shopify.csv", "woocommerce.csv", "--out", "out", "--json", now=NOW)
    answer = json.loads(result.stdout)
    assert answer["steps"]["publish"]["counts"]["skipped_by_reason"] == {"not_eligible": 4, "other_currency": 2}
    assert answer["totals"]["EUR"]["total"] == 224_90
