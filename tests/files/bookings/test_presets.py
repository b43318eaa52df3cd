"""The presets: real header lines recognised, and each sample read into the figures that were worked out by hand."""

import csv
import io
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refundctl.domain.basics.errors import BadInput
from refundctl.domain.bookings.booking_cells import FIELDS
from refundctl.domain.bookings.source import Source
from refundctl.files.bookings.bookings_csv import BookingsFile
from refundctl.files.bookings.presets import header_names, near_miss, preset_texts, presets, recognise, recognised
from refundctl.files.campaigns.campaigns_yaml import parse_campaigns
from support.repository import SAMPLE_DATA

NAMES = ["shopify", "woocommerce", "stripe", "eventbrite", "pretix", "booking.com"]


def source_of(preset: str) -> Source:
    """pretix doesn't say its currency."""
    source = presets()[preset]
    return source if preset != "pretix" else source.model_copy(update={"constants": {"currency": "EUR"}})


@dataclass
class Read:
    """A whole file: rows that make up accepted bookings, filtered ones, and line, field and code of the rejected."""

    rows: int = 0
    accepted: int = 0
    filtered: int = 0
    rejected: list[tuple[int, str, str]] = field(default_factory=list)
    owed: Counter[str] = field(default_factory=Counter)
    bookings: dict[str, dict[str, Any]] = field(default_factory=dict)


def read(content: bytes, source: Source) -> Read:
    found = Read()
    for block in BookingsFile(io.BytesIO(content), "orders.csv", source).blocks():
        found.rows += block.rows
        found.filtered += block.filtered
        found.rejected += [(row.line, row.field, row.code) for row in block.rejected]
        columns = {name: values for name, values in block.columns.items() if values is not None}
        for row in range(len(block.lines)):
            booking = {name: values[row] for name, values in columns.items()}
            found.bookings[booking["booking_id"]] = booking
            found.owed[booking["currency"]] += booking["refund_amount"]
    found.accepted = found.rows - found.filtered - len(found.rejected)
    return found


def sample(preset: str) -> Read:
    return read((SAMPLE_DATA / f"{preset}.csv").read_bytes(), source_of(preset))


def names_of(preset: str) -> list[str]:
    with (SAMPLE_DATA / f"{preset}.csv").open(encoding="utf-8", newline="") as file:
        return next(csv.reader(file))


# --- The samples ---


@pytest.mark.parametrize(
    ("preset", "rows", "accepted", "bookings", "filtered", "rejected", "owed"),
    [
        # 89.90 + 45.00 + (120.00 - 30.00); 39.99
        ("shopify", 12, 7, 4, 4, 1, {"EUR": 224_90, "USD": 39_99}),
        # 59.00 + 120.50 + (200.00 - 50.00) + (40.00 - 10.00 - 5.50); 75.25
        ("woocommerce", 10, 5, 5, 4, 1, {"EUR": 354_00, "USD": 75_25}),
        # 50.00 + (120.00 - 20.00) + (80.00 - 25.50); 12000; 75.50
        ("stripe", 10, 5, 5, 4, 1, {"EUR": 204_50, "JPY": 12_000, "USD": 75_50}),
        # 2 * 25.00 + 40.00 + 25.00; 3 * 15.50
        ("eventbrite", 12, 7, 4, 2, 3, {"EUR": 115_00, "USD": 46_50}),
        # 60.00 + 90.50 + 120.00 + 15.75 + 48.00
        ("pretix", 9, 5, 5, 3, 1, {"EUR": 334_25}),
        # 300 + 240; 185.5 + 1250.75; 64000
        ("booking.com", 9, 5, 5, 2, 2, {"USD": 540_00, "EUR": 1436_25, "JPY": 64_000}),
    ],
)
def test_a_sample_comes_to_what_was_worked_out_by_hand(
    preset: str, rows: int, accepted: int, bookings: int, filtered: int, rejected: int, owed: dict[str, int]
) -> None:
    found = sample(preset)
    assert (found.rows, found.accepted, found.filtered, len(found.rejected)) == (rows, accepted, filtered, rejected)
    assert (len(found.bookings), dict(found.owed)) == (bookings, owed)


def test_shopify_orders() -> None:
    found = sample("shopify")
    assert found.rejected == [(13, "refund_amount", "amount_not_positive")]
    assert {name: value for name, value in found.bookings["#1003"].items() if value is not None} == {
        "booking_id": "#1003",
        "order_amount": 120_00,
        "refund_amount": 90_00,
        "currency": "EUR",
        "customer_id": "greta.andersen@example.com",
        "email": "greta.andersen@example.com",
        "name": "Greta Andersen",
        "phone": "+45 30 00 00 01",
        "country": "DK",
        "status": "partially_refunded",
        "booked_at": "2020-03-04T08:05:59+01:00",
        "channel": "web",
        "marketing_consent": "yes",
    }
    assert found.bookings["#1001"]["cancelled_at"] == "2020-03-20T09:00:00+01:00"


def test_guests_of_woocommerce_are_not_one_customer_though_all_have_the_number_0() -> None:
    bookings = sample("woocommerce").bookings
    assert [bookings[number]["customer_id"] for number in ("1001", "1002", "1003")] == [
        "ana.diaz@example.com",
        "jan.nowak@example.org",
        "greta.andersen@example.com",
    ]
    assert (bookings["1001"]["name"], bookings["1009"]["name"]) == ("Ana Díaz", "Cher")


def test_stripe_payments_have_a_customer_each_and_a_currency_in_capitals() -> None:
    bookings = sample("stripe").bookings
    assert {booking_id: booking["customer_id"] for booking_id, booking in bookings.items()} == {
        booking_id: booking_id for booking_id in bookings
    }
    assert bookings["ch_3SampleYuki"]["currency"] == "JPY"


def test_an_e_mail_in_a_stripe_export_is_read_and_a_card_is_not() -> None:
    text = (
        "id,Customer Email,Amount,Amount Refunded,Currency,Mode,Status,Card Last4,Card Name\n"
        "ch_1,ana@example.com,5.00,0.00,eur,Live,Paid,4242,Ana\n"
    )
    (booking,) = read(text.encode(), presets()["stripe"]).bookings.values()
    assert (booking["customer_id"], booking["email"]) == ("ch_1", "ana@example.com")
    assert "4242" not in str(booking)


def test_eventbrite_attendees_are_put_together_by_order() -> None:
    found = sample("eventbrite")
    assert found.rejected == [
        (6, "order_amount", "amount_not_positive"),
        (8, "email", "contradiction"),
        (9, "email", "contradiction"),
    ]
    assert {number: booking["tickets"] for number, booking in found.bookings.items()} == {
        "11001": 2, "11002": 1, "11003": 1, "11007": 3,
    }  # fmt: skip


def test_pretix_orders_have_a_day_and_a_time() -> None:
    bookings = sample("pretix").bookings
    assert bookings["A8VKP"]["booked_at"] == "2020-03-02T10:15:00"
    assert bookings["W9XYZ"].get("locale") is None


def test_pretix_needs_its_currency_said() -> None:
    with pytest.raises(BadInput) as caught:
        read((SAMPLE_DATA / "pretix.csv").read_bytes(), presets()["pretix"])
    assert "write `sources: {our-pretix: {preset: pretix, constants: {currency: EUR}}}` into" in caught.value.message
    text = b"version: 1\nsources: {our-pretix: {preset: pretix, constants: {currency: EUR}}}\n"
    source = parse_campaigns(text, Path("campaigns.yaml")).sources["our-pretix"]
    assert read((SAMPLE_DATA / "pretix.csv").read_bytes(), source).owed == {"EUR": 334_25}


def test_booking_com_names_the_currency_behind_the_price() -> None:
    found = sample("booking.com")
    assert found.rejected == [(6, "order_amount", "amount_not_positive"), (9, "currency", "missing_value")]
    assert found.bookings["4000111001"]["customer_id"] == "4000111001"
    assert found.bookings["4000111001"]["country"] == "US"


# --- What all presets hold to ---


def test_the_presets_are_the_six_in_the_syntax_of_a_campaigns_file() -> None:
    assert list(presets()) == NAMES
    copied = parse_campaigns(preset_texts().encode(), Path("campaigns.yaml")).sources
    for name, preset in presets().items():
        assert preset.preset == name
        assert copied[name].model_copy(update={"preset": name}) == preset


@pytest.mark.parametrize("name", NAMES)
def test_the_second_process_is_told_the_same(name: str) -> None:
    assert Source.model_validate_json(presets()[name].definition()) == presets()[name]


@pytest.mark.parametrize("name", NAMES)
def test_no_preset_takes_an_order_whatever_its_status(name: str) -> None:
    assert presets()[name].only


UNPAID = [
    "", "pending", "voided", "refunded", "Refunded", "authorized", "partially_paid", "expired", "failed", "Failed",
    "on-hold", "trash", "draft", "Uncaptured", "Not Attending", "Deleted", "Unpaid",
    "Transferred", "Disputed", "no_show", "something new",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("status", UNPAID)
def test_what_was_not_paid_or_is_not_known_is_filtered(name: str, status: str) -> None:
    found = first_row_with(name, {presets()[name].headers_of("status")[0]: status})
    assert (found.rows, found.filtered) == (1, 1)


def first_row_with(name: str, cells: dict[str, str]) -> Read:
    """The sample's first row alone, with other cells under these headers."""
    with (SAMPLE_DATA / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        row = next(csv.DictReader(file))
    out = io.StringIO()
    writer = csv.DictWriter(out, names_of(name))
    writer.writeheader()
    writer.writerow(row | cells)
    return read(out.getvalue().encode(), source_of(name))


@pytest.mark.parametrize(
    ("name", "status", "paid_on"),
    [
        ("woocommerce", "cancelled", "paid_date"),
        ("woocommerce", "wc-cancelled", "paid_date"),
        ("pretix", "Canceled", "Date of last payment"),
        ("pretix", "cancelled", "Date of last payment"),
    ],
)
def test_a_cancelled_order_is_taken_if_it_was_paid(name: str, status: str, paid_on: str) -> None:
    header = presets()[name].headers_of("status")[0]
    paid = first_row_with(name, {header: status, paid_on: "2020-03-02"})
    assert (paid.rows, paid.filtered, len(paid.bookings)) == (1, 0, 1)
    never = first_row_with(name, {header: status, paid_on: " "})
    assert (never.rows, never.filtered, len(never.bookings)) == (1, 1, 0)


def test_a_day_of_zeros_is_none_on_which_somebody_paid() -> None:
    never = first_row_with("woocommerce", {"status": "wc-cancelled", "paid_date": "0000-00-00 00:00:00"})
    assert (never.rows, never.filtered, len(never.bookings)) == (1, 1, 0)


def test_attendees_of_one_order_may_have_come_or_not() -> None:
    text = (
        "Order #,First Name,Last Name,Email,Quantity,Currency,Total Paid,Attendee Status\n"
        "77,Ana,Díaz,ana@example.com,1,EUR,25.00,Attending\n"
        "77,Ana,Díaz,ana@example.com,1,EUR,25.00,Checked In\n"
    )
    found = read(text.encode(), presets()["eventbrite"])
    assert (found.rejected, dict(found.owed), found.bookings["77"]["status"]) == ([], {"EUR": 50_00}, None)


def test_a_test_payment_is_filtered() -> None:
    assert first_row_with("stripe", {"Mode": "test"}).filtered == 1


# --- Recognised by the header ---


@pytest.mark.parametrize("name", NAMES)
def test_a_file_is_recognised_by_its_header(name: str) -> None:
    header = names_of(name)
    assert recognise(header, Source()) == name
    assert recognised([column.upper() for column in reversed(header)]) == name


@pytest.mark.parametrize("name", NAMES)
def test_without_a_required_column_it_is_not_and_is_told_which_is_missing(name: str) -> None:
    for header, column in presets()[name].required().items():
        others = [one for one in names_of(name) if one != header]
        assert recognise(others, Source()) is None
        near = near_miss("orders.csv", others, Source())
        if near is not None:
            assert f"`{header}`" + (f" for {column}" if column != header else "") in near.message
            assert f"which the preset {name} looks for" in near.message


def test_a_renamed_column_is_asked_for() -> None:
    names = ["Refund Amount" if name == "Refunded Amount" else name for name in names_of("shopify")]
    near = near_miss("orders.csv", names, Source())
    assert near is not None
    assert near.code == "column_missing"
    assert near.message.startswith(
        "orders.csv lacks `Refunded Amount` for refunded, which the preset shopify looks for; its columns are `Name`, `Email`, "
    )
    assert near.message.endswith(
        "Rename a column, or name it as `refunded` of a source with `preset: shopify`: `refundctl sources check FILE` shows how."
    )


@pytest.mark.parametrize("names", [[], ["Name", "Status"], ["order no", "sum", "mail"], ["Amount", "Currency"]])
def test_a_header_that_is_far_from_every_preset_is_told_nothing(names: list[str]) -> None:
    assert (recognise(names, Source()), near_miss("orders.csv", names, Source())) == (None, None)


def test_the_default_source_goes_before_every_preset() -> None:
    assert recognise([*names_of("shopify"), "Booking_ID", "order_amount"], Source()) == "default"
    own = Source(columns={"booking_id": "Order no", "order_amount": "Total"})
    assert recognise([*names_of("shopify"), "Order no"], own) == "default"
    assert recognise(["booking_id", "order_amount"], own) is None


def test_of_several_presets_that_with_most_columns_is_taken() -> None:
    assert recognised([*names_of("pretix"), *presets()["woocommerce"].required()]) == "pretix"
    assert recognised([*presets()["pretix"].required(), *names_of("woocommerce")]) == "woocommerce"


COLUMNS = sorted({header for preset in presets().values() for header in preset.all_headers()} | set(FIELDS))


@given(st.lists(st.sampled_from(COLUMNS), unique_by=str.casefold, max_size=40))
def test_a_recognised_file_is_not_refused_for_a_missing_column(names: list[str]) -> None:
    name = recognise(names, Source())
    if name is None:
        return
    source = source_of(name) if name != "default" else Source()
    out = io.StringIO()
    csv.writer(out).writerow(names)
    opened = BookingsFile(io.BytesIO(out.getvalue().encode()), "orders.csv", source)
    assert opened.header == tuple(names)


# --- The names in a header ---


def names_in(content: bytes, source: Source | None = None, encoding: str | None = None) -> tuple[str, ...]:
    stream = io.BytesIO(content)
    found = header_names(stream, "orders.csv", source or Source(), encoding=encoding)
    assert stream.tell() == 0
    return found


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("name", NAMES)
def test_the_delimiter_is_the_one_that_makes_names_of_a_preset(name: str, delimiter: str) -> None:
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter).writerow([*names_of(name), "a,b,c,d,e,f;g;h;i;j|k|l|m|n"])
    assert names_in(b"\n" + out.getvalue().encode("utf-8-sig"))[:-1] == tuple(names_of(name))


def test_names_are_trimmed_and_may_be_in_another_encoding() -> None:
    assert names_in(b" booking_id ;order_amount;Stra\xdfe\n", encoding="cp1252") == (
        "booking_id", "order_amount", "Straße",
    )  # fmt: skip
    assert names_in("Order code;Order total;Größe\n".encode("utf-16")) == ("Order code", "Order total", "Größe")
    assert names_in(b"a|b;c\n", Source(delimiter="|")) == ("a", "b;c")


@pytest.mark.parametrize("content", [b"", b"\n \n", b'"a,b\n'])
def test_a_file_without_a_header_has_no_names(content: bytes) -> None:
    assert names_in(content) == ()


def test_a_file_of_another_kind_is_refused_and_left_at_its_start() -> None:
    stream = io.BytesIO(b"%PDF-1.7 ...")
    with pytest.raises(BadInput):
        header_names(stream, "orders.pdf", Source())
    assert stream.tell() == 0


def test_a_file_with_canonical_columns_is_never_taken_for_a_preset_s() -> None:
    names = ["booking_id", "Book number", "Price"]
    assert near_miss("orders.csv", names, Source()) is None
    assert near_miss("orders.csv", names[1:], Source()) is not None
