"""Who a row is about."""

from collections.abc import Mapping

import pytest

from refundctl.domain.bookings.booking_cells import Fault, RejectCode
from refundctl.domain.bookings.booking_columns import BookingRules
from refundctl.domain.bookings.column_faults import Faults
from support.data.booking_columns import ONE, read


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"customer_id": "", "email": ""}, "is blank, and so is the e-mail; fill in one of them"),
        ({"customer_id": ""}, "is blank, and no column is an e-mail; fill it in"),
        ({"email": ""}, "has no column, and the e-mail is blank; fill in the e-mail, or add a column customer_id"),
        (
            {},
            "has no column, nor has an e-mail; add one of them, or name it under `columns` of a source",
        ),
    ],
)
def test_a_row_about_nobody_says_what_could_be_filled_in(columns: Mapping[str, str], reason: str) -> None:
    texts = {"booking_id": ["R1"], "order_amount": ["12.50"], "currency": ["EUR"]}
    faults = Faults()
    BookingRules().read(texts | {name: [text] for name, text in columns.items()}, 1, faults)
    assert list(faults) == [(0, "customer_id", Fault(RejectCode.NO_CUSTOMER, reason))]


def test_a_customer_without_an_id_has_the_email_in_lower_case_for_one() -> None:
    columns, _ = read({**ONE, "email": ["Ana@Example.ORG"]})
    assert (columns["email"], columns["customer_id"]) == (["Ana@example.org"], ["ana@example.org"])
    columns, _ = read({**ONE, "email": ["jose\u0301@example.org"]})
    assert columns["customer_id"] == ["josé@example.org"]
    columns, _ = read({**ONE, "customer_id": ["C7"]})
    assert columns["customer_id"] == ["C7"]
