"""The header: found, matched with the source, or refused with what to do about it."""

import pytest

from refundctl.domain.basics.errors import BadInput
from refundctl.domain.bookings.source import Source
from refundctl.files.bookings.bookings_header import (
    BookingsHeader,
    find_bookings_header,
    lacking,
    without_currency,
)
from refundctl.files.tables.reject_columns import own_positions


def found(text: str, source: Source | None = None) -> BookingsHeader:
    return find_bookings_header("bookings.csv", text, source or Source())


def refusal(text: str, source: Source | None = None) -> tuple[str, str]:
    """The code and the message."""
    with pytest.raises(BadInput) as caught:
        found(text, source)
    assert caught.value.details["path"] == "bookings.csv"
    return caught.value.code, caught.value.message


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found_in_the_header(delimiter: str) -> None:
    header = found(delimiter.join(["booking_id", "order_amount", '"currency"']) + "\nR1,R2;R3|R4\n")
    assert (header.delimiter, header.names) == (delimiter, ("booking_id", "order_amount", "currency"))


def test_delimiters_within_names_do_not_count() -> None:
    assert found('booking_id;order_amount;"a,b,c,d,e,f"\n').delimiter == ";"
    source = Source(columns={"booking_id": "Booking, no", "order_amount": "Total"})
    assert found('"Booking, no";Total;x|y|z|w\n', source).delimiter == ";"


def test_a_delimiter_that_the_source_names_is_not_looked_for() -> None:
    source = Source(delimiter="|")
    assert found("booking_id|order_amount|a,b,c,d,e\n", source).names == ("booking_id", "order_amount", "a,b,c,d,e")


def test_names_are_trimmed_and_may_differ_in_case() -> None:
    header = found(" Booking_ID ,\u00a0ORDER_AMOUNT,currency\n")
    assert header.names == ("Booking_ID", "ORDER_AMOUNT", "currency")
    assert header.columns == {"booking_id": 0, "order_amount": 1, "currency": 2}


def test_a_source_maps_columns_and_those_it_leaves_out_go_by_their_own_names() -> None:
    source = Source(
        columns={"booking_id": "Booking no", "order_amount": "Total"},
        metadata=("hotel",),
        only={"is_canceled": ("1",)},
    )
    header = found("Hotel,Is_Canceled,total,Booking no,status,note\n", source)
    assert header.columns == {"booking_id": 3, "order_amount": 2, "status": 4}
    assert (header.metadata, header.only) == ({"hotel": 0}, {"is_canceled": 1})


def test_two_columns_may_come_from_one() -> None:
    source = Source(columns={"customer_id": "Guest", "email": "Guest"})
    assert found("booking_id,order_amount,Guest\n", source).columns == {
        "booking_id": 0, "order_amount": 1, "customer_id": 2, "email": 2,
    }  # fmt: skip


def test_a_column_may_come_from_several() -> None:
    source = Source(columns={"name": ("First", "Last"), "booked_at": ("Day", "Time")})
    header = found("booking_id,last,FIRST,order_amount,Time,Day\n", source)
    assert header.columns == {"booking_id": 0, "order_amount": 3}
    assert header.joined == {"name": (2, 1), "booked_at": (5, 4)}


def test_a_column_that_the_source_does_not_want_is_not_read() -> None:
    source = Source(columns={"customer_id": None, "status": None})
    header = found("booking_id,order_amount,customer_id,Status,tier\n", source)
    assert header.columns == {"booking_id": 0, "order_amount": 1, "tier": 4}


def test_optional_columns_may_be_missing_and_half_of_one_is_none() -> None:
    source = Source(
        columns={"phone": "Tel", "name": ("First", "Last"), "tier": "Level"}, optional=("phone", "name", "tier")
    )
    assert found("booking_id,order_amount,Last,phone,level\n", source).columns == {
        "booking_id": 0, "order_amount": 1, "tier": 4,
    }  # fmt: skip
    assert found("booking_id,order_amount,Last,First\n", source).joined == {"name": (3, 2)}


def test_what_was_refunded_before_has_its_own_column() -> None:
    source = Source(refunded="Paid back")
    assert found("booking_id,order_amount,paid back\n", source).columns == {
        "booking_id": 0, "order_amount": 1, "refunded": 2,
    }  # fmt: skip
    assert found("booking_id,order_amount,refunded\n").columns == {"booking_id": 0, "order_amount": 1}


def test_blank_lines_before_the_header_are_passed_over() -> None:
    assert found("\n\nbooking_id,order_amount\nR1,1.00\n").lines == 3


def test_columns_without_a_name_are_ignored_and_those_at_the_end_known() -> None:
    header = found(",booking_id,order_amount,,\n")
    assert header.columns == {"booking_id": 1, "order_amount": 2}
    assert header.unnamed_tail == range(3, 5)


def test_the_columns_of_a_rejects_file_are_known() -> None:
    header = found("booking_id,order_amount,_line,_field,_code,_reason\n")
    assert header.rejects == {"_line": 2, "_field": 3, "_code": 4, "_reason": 5}
    assert own_positions(header.names) == [0, 1]


# --- Refusals ---


@pytest.mark.parametrize("text", ["", "\n", " \n\t\n", ",,,\n"])
def test_an_empty_file(text: str) -> None:
    assert refusal(text) == (
        "empty_file",
        "bookings.csv is empty; the first line of a file of bookings names its columns.",
    )


def test_a_duplicate_header() -> None:
    assert refusal("booking_id,email,order_amount, email\n") == (
        "duplicate_header",
        "bookings.csv: the header has `email` more than once; rename or take out one of each.",
    )


def test_names_that_differ_in_case_only_where_it_matters_which_is_meant() -> None:
    assert refusal("booking_id,Email,order_amount,EMAIL\n") == (
        "duplicate_header",
        "bookings.csv: `Email`, `EMAIL` could each be `email`; rename all but one of them.",
    )
    assert found("booking_id,Email,order_amount,EMAIL,email\n").columns["email"] == 4
    assert found("booking_id,Note,order_amount,NOTE\n").columns == {"booking_id": 0, "order_amount": 2}


def test_a_missing_column_is_named_with_what_was_found() -> None:
    assert refusal("booking_id,order_amout,email\n") == (
        "column_missing",
        (
            "bookings.csv lacks `order_amount` (did you mean `order_amout`?); its columns are "
            "`booking_id`, `order_amout`, `email`. Rename a column, or name it under `columns` of a source."
        ),
    )


def test_a_column_of_the_source_that_is_missing() -> None:
    source = Source(
        columns={"order_amount": "Total", "name": "Guest name"}, metadata=("hotel",), only={"state": ("x",)}
    )
    code, message = refusal("booking_id,Totals,guest\n", source)
    assert code == "column_missing"
    assert message == (
        "bookings.csv lacks `Total` for order_amount (did you mean `Totals`?), `Guest name` for name (did you mean "
        "`guest`?), `state`, `hotel`; its columns are `booking_id`, `Totals`, `guest`. Rename a column, or name it "
        "under `columns`, under `only` or under `metadata` of a source."
    )


SHOP = Source(
    preset="shop",
    columns={"booking_id": "Name", "order_amount": "Total", "name": ("First", "Last")},
    refunded="Refunded Amount",
    only={"State": ("paid",)},
)


def test_a_column_of_a_preset_that_is_missing_or_renamed() -> None:
    assert refusal("Name,Total,First,Refund Amount\n", SHOP) == (
        "column_missing",
        (
            "bookings.csv lacks `Last` for name, `Refunded Amount` for refunded, `State`, which the preset shop looks "
            "for; its columns are `Name`, `Total`, `First`, `Refund Amount`. Rename a column, or name it under `columns`, "
            "as `refunded` or under `only` of a source with `preset: shop`: `refundctl sources check FILE` shows how."
        ),
    )


@pytest.mark.parametrize(
    ("source", "names", "missing", "where"),
    [
        (SHOP, "Name,Total,First,Last,State,Refunded", "`Refunded Amount` for refunded", "as `refunded`"),
        (SHOP, "Name,Total,First,Last,States,Refunded Amount", "`State`", "under `only`"),
        (
            Source(preset="shop", columns={"booking_id": "Name", "order_amount": "Total"}, skip={"Mode": ("test",)}),
            "Name,Total,Model", "`Mode`", "under `skip`",
        ),
        (
            Source(preset="shop", columns={"booking_id": "Name", "order_amount": "Total", "status": "State"}, only={"State": ("x",)}),
            "Name,Total,Status", "`State` for status", "under `columns` or under `only`",
        ),
    ],
)  # fmt: skip
def test_what_decides_about_money_is_not_guessed_and_each_key_is_named(
    source: Source, names: str, missing: str, where: str
) -> None:
    assert refusal(f"{names}\n", source) == (
        "column_missing",
        (
            f"bookings.csv lacks {missing}, which the preset shop looks for; its columns are "
            f"{', '.join(f'`{name}`' for name in names.split(','))}. Rename a column, or name it {where} of a source with "
            "`preset: shop`: `refundctl sources check FILE` shows how."
        ),
    )


@pytest.mark.parametrize("line", ["sep=;", "sep=,", "SEP=\t"])
def test_a_line_for_a_spreadsheet_program_above_the_header(line: str) -> None:
    code, message = refusal(f"{line}\nbooking_id;order_amount\n")
    assert code == "header_missing"
    assert message == (
        "bookings.csv has no header with `booking_id`, `order_amount`; its first line is "
        f"`{line[:4]}`. Take out the lines above the header."
    )


@pytest.mark.parametrize("line", ["Orders of March 2020", "Orders of March 2020;;;"])
def test_a_title_above_the_header(line: str) -> None:
    assert refusal(f"{line}\n\nbooking_id;order_amount\n") == (
        "header_missing",
        (
            "bookings.csv has no header with `booking_id`, `order_amount`; its first line is `Orders of March 2020` alone. If "
            "the names of the columns stand further down, take out the lines above the header; if not, name it under `columns` "
            "of a source: `refundctl sources check FILE` shows how."
        ),
    )


def test_the_check_itself_does_not_advise_to_check() -> None:
    with pytest.raises(BadInput) as caught:
        found("Booking no,Total\n")
    told = caught.value.without_advice()
    assert (told.code, told.details) == (caught.value.code, caught.value.details)
    assert told.message.endswith("Name them under `columns` of a source.")


def test_a_header_can_be_asked_for_what_it_lacks() -> None:
    assert lacking("bookings.csv", ["name", "TOTAL", "First", "Last", "State", "refunded amount"], SHOP) is None
    refused = lacking("bookings.csv", ["Name", "Total", "First", "Last", "State"], SHOP)
    assert refused is not None
    assert refused.message.startswith(
        "bookings.csv lacks `Refunded Amount` for refunded, which the preset shop looks for"
    )


def test_a_file_that_nowhere_says_its_currency() -> None:
    plain = without_currency("bookings.csv", Source())
    assert (plain.code, plain.message) == (
        "column_missing",
        (
            "bookings.csv has no column `currency`, and its amounts name none; add the column, or set one for all rows "
            "with `constants: {currency: EUR}` in a source."
        ),
    )
    assert without_currency("orders.csv", Source(preset="pretix")).message == (
        "orders.csv has no column `currency`, and its amounts name none; write `sources: {our-pretix: {preset: pretix, "
        "constants: {currency: EUR}}}` into the campaigns file, with your currency, and load the file with "
        "`--source our-pretix`."
    )


def test_no_header_but_headings_of_its_own() -> None:
    assert refusal("Booking no,Total,E-mail\n1,2.00,ana@example.org\n") == (
        "header_missing",
        (
            "bookings.csv has no header with `booking_id` (did you mean `Booking no`?), `order_amount`; its columns "
            "are `Booking no`, `Total`, `E-mail`. Name them under `columns` of a source: `refundctl sources check FILE` "
            "shows how."
        ),
    )


def test_no_header_but_a_row_about_a_person_that_is_not_repeated() -> None:
    assert refusal("R-1001,ana@example.org,12.50,EUR\n") == (
        "header_missing",
        (
            "bookings.csv has no header with `booking_id`, `order_amount`; its first line looks like a row. Put a "
            "line with the names of the columns on top."
        ),
    )


def test_a_quote_in_the_header_that_is_not_closed() -> None:
    assert refusal('booking_id,"order_amount\nR1,1.00\n')[0] == "malformed_quote"


def test_a_message_lists_no_more_than_30_columns() -> None:
    names = ",".join(f"extra{number}" for number in range(40))
    assert "`extra28` and 11 more. Rename" in refusal(f"booking_id,{names}\n")[1]
