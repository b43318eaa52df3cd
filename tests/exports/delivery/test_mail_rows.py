"""The mail file's rows: what a card's holder needs, and nobody without an address."""

from hypothesis import given
from hypothesis import strategies as st

from refundctl.exports.delivery.mail_rows import MAIL_COLUMNS, MailCard, MailFigures, mail_rows

ANA: MailCard = ("ana@example.com", "Ana Nowak", "RF-AAAA-BBBB", 1250, "2021-05-01", "B1", "C-1", "pl-PL")
NO_ADDRESS: MailCard = (None, "Cy", "RF-CCCC-DDDD", 5550, "2021-05-01", "B3", "C-3", None)
BARE: MailCard = ("bo@example.com", None, "RF-EEEE-FFFF", 7, None, "B2", "C-2", None)


def rendered(*blocks: list[MailCard], currency: str = "EUR") -> tuple[list[tuple[str, ...]], MailFigures]:
    figures = MailFigures()
    rows = [tuple(row) for block in mail_rows(blocks, "flight-refunds", currency, figures) for row in block]
    return rows, figures


def test_the_columns_are_those_of_the_generic_profile() -> None:
    assert (
        ",".join(MAIL_COLUMNS) == "email,name,code,balance,currency,expires_on,booking_id,customer_id,campaign,locale"
    )


def test_a_row_says_all_that_a_holder_needs() -> None:
    [row], figures = rendered([ANA])
    assert row == (
        "ana@example.com", "Ana Nowak", "RF-AAAA-BBBB", "12.50", "EUR", "2021-05-01", "B1", "C-1", "flight-refunds",
        "pl-PL",
    )  # fmt: skip
    assert figures == MailFigures(rows=1, unreachable=0, total_minor=1250, unreachable_minor=0)


def test_what_is_not_known_is_blank() -> None:
    assert rendered([BARE])[0] == [
        ("bo@example.com", "", "RF-EEEE-FFFF", "0.07", "EUR", "", "B2", "C-2", "flight-refunds", "")
    ]


def test_who_has_no_address_is_counted_and_left_out() -> None:
    rows, figures = rendered([ANA, NO_ADDRESS], [BARE])
    assert [row[7] for row in rows] == ["C-1", "C-2"]
    assert figures == MailFigures(rows=2, unreachable=1, total_minor=1257, unreachable_minor=5550)


def test_several_bookings_stand_on_one_card_each_once() -> None:
    [row], _ = rendered([(*ANA[:5], "B2;B1;B2;B3", *ANA[6:])])
    assert row[6] == "B2;B1;B3"


def test_amounts_have_their_currencys_decimals() -> None:
    amounts = {currency: rendered([ANA], currency=currency)[0][0][3] for currency in ("JPY", "EUR", "KWD", "CLF")}
    assert amounts == {"JPY": "1250", "EUR": "12.50", "KWD": "1.250", "CLF": "0.1250"}


cards = st.tuples(
    st.sampled_from([None, "a@example.com"]),
    st.none(),
    st.just("RF"),
    st.integers(0, 10**12),
    st.none(),
    st.just("B1"),
    st.just("C-1"),
    st.none(),
)


@given(st.lists(st.lists(cards, max_size=4), max_size=4))
def test_figures_add_up_whatever_the_blocks(blocks: list[list[MailCard]]) -> None:
    rows, figures = rendered(*blocks)
    everyone = [card for block in blocks for card in block]
    assert (figures.rows, figures.rows + figures.unreachable) == (len(rows), len(everyone))
    assert figures.total_minor + figures.unreachable_minor == sum(card[3] for card in everyone)
    assert figures.total_minor == sum(card[3] for card in everyone if card[0])


def test_figures_of_two_parts_are_put_together() -> None:
    figures = MailFigures(1, 2, 3, 4)
    figures.add(MailFigures(10, 20, 30, 40))
    assert figures == MailFigures(11, 22, 33, 44)
