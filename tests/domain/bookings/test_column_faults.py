"""What is wrong with a row, and payment cards' numbers in any column."""

from refundctl.domain.bookings.booking_cells import FIELDS, Fault, RejectCode
from refundctl.domain.bookings.column_faults import Faults, find_card_numbers
from support.data.booking_columns import ONE, read


def test_the_first_fault_in_the_order_of_the_fields_names_the_row() -> None:
    texts = {name: [""] for name in FIELDS} | {"tickets": ["x"], "booked_at": ["x"]}
    _, faults = read(texts)
    assert faults == [(0, "booking_id", "missing_value")]
    _, faults = read({**texts, "booking_id": ["R1"]})
    assert faults == [(0, "order_amount", "missing_value")]
    _, faults = read({**texts, "booking_id": ["R1"], "order_amount": ["1.00"], "currency": ["EUR"]})
    assert faults == [(0, "customer_id", "no_customer")]
    _, faults = read({**texts, **ONE})
    assert faults == [(0, "booked_at", "malformed_date")]


def test_card_numbers_are_found_in_every_column() -> None:
    faults = Faults()
    find_card_numbers({"name": ["Ana", "4111 1111 1111 1111"], "metadata.note": ["378282246310005", ""]}, faults)
    reason = "holds the number of a payment card, which may not be kept; take it out"
    assert list(faults) == [
        (0, "metadata.note", Fault(RejectCode.PAYMENT_CARD_NUMBER, reason)),
        (1, "name", Fault(RejectCode.PAYMENT_CARD_NUMBER, reason)),
    ]


def test_a_phone_number_with_its_calling_code_is_no_card_number() -> None:
    faults = Faults()
    find_card_numbers({"phone": [" +4111111111111111", "4111111111111111"]}, faults)
    assert [row for row, *_ in faults] == [1]


def test_what_is_not_kept_may_hold_a_card_number() -> None:
    faults = Faults()
    find_card_numbers({"refunded": ["amount:5.00|reason:to 4111111111111111|date:2020-04-01 09:30:00"]}, faults)
    assert list(faults) == []


def test_a_card_number_goes_before_every_other_fault() -> None:
    faults = Faults()
    faults.add(0, "booking_id", Fault(RejectCode.MISSING_VALUE, "is blank; fill it in"))
    find_card_numbers({"status": ["4111111111111111"]}, faults)
    assert [(name, fault.code) for _, name, fault in faults] == [("status", "payment_card_number")]
