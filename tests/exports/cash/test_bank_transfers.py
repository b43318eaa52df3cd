"""Files for the bank: valid by the standard's own XSD, the same bytes each time, and only signs that banks take."""

import csv
import io
from pathlib import Path
from xml.etree import ElementTree

import pytest
import sepaxml
import xmlschema
from hypothesis import given
from hypothesis import strategies as st

from refundctl.exports.cash.bank_transfers import (
    CASH_COLUMNS,
    NAME_LENGTH_MAX,
    SCHEMA,
    SEPA_MINOR_MAX,
    Message,
    Party,
    Payment,
    as_credit_transfer,
    as_csv,
    first_sepa_text,
    sepa_text,
)
from refundctl.ledger.cash.debts import Debt, DebtSource, DebtState

XSD = xmlschema.XMLSchema(Path(sepaxml.__file__).parent / "schemas" / f"{SCHEMA}.xsd")
GERMAN, FRENCH = "DE89370400440532013000", "FR1420041010050500013M02606"
MESSAGE = Message("REFUNDCTL-4e6e7b1a-1", "2020-05-01T12:00:00Z")
AIRLINE = Party("Airline AG", GERMAN, "COBADEFFXXX")


def payment(
    number: int = 12, name: str = "Ana Nowak", amount_minor: int = 1_250, booking_id: str = "B1", bic: str = ""
) -> Payment:
    debt = Debt(
        number, 1, booking_id, None, "ana", name, "flight-refunds", "EUR", amount_minor, DebtState.ORDERED,
        DebtSource.REQUEST, "2020-05-01T12:00:00Z", "wants cash",
    )  # fmt: skip
    return Payment(f"REFUNDCTL-4e6e7b1a-{number}-1", debt, Party(name, FRENCH, bic))


def texts(xml: bytes, name: str) -> list[str | None]:
    return [
        element.text
        for element in ElementTree.fromstring(xml).iter(  # noqa: S314 - our own
            f"{{urn:iso:std:iso:20022:tech:xsd:{SCHEMA}}}{name}"
        )
    ]


def test_a_credit_transfer_says_who_pays_whom_what_and_when() -> None:
    xml = as_credit_transfer(MESSAGE, AIRLINE, [payment(12), payment(13, "Bo", 7)])
    XSD.validate(xml.decode())
    assert texts(xml, "MsgId") == texts(xml, "PmtInfId") == ["REFUNDCTL-4e6e7b1a-1"]
    assert texts(xml, "CreDtTm") == ["2020-05-01T12:00:00Z"]
    assert texts(xml, "Dt") == ["2020-05-01"]
    assert texts(xml, "NbOfTxs") == ["2", "2"]
    assert texts(xml, "CtrlSum") == ["12.57", "12.57"]
    assert texts(xml, "InstdAmt") == ["12.50", "0.07"]
    assert texts(xml, "EndToEndId") == ["REFUNDCTL-4e6e7b1a-12-1", "REFUNDCTL-4e6e7b1a-13-1"]
    assert texts(xml, "IBAN") == [GERMAN, FRENCH, FRENCH]
    assert texts(xml, "Nm") == ["Airline AG", "Airline AG", "Ana Nowak", "Bo"]
    assert texts(xml, "Ustrd") == ["Refund B1 (flight-refunds)"] * 2


def test_the_same_payments_are_the_same_bytes() -> None:
    """sepaxml draws ids by chance and asks the clock; what is finished after a crash must not differ."""
    first, second = (as_credit_transfer(MESSAGE, AIRLINE, [payment()]) for _ in range(2))
    assert first == second


def test_a_bank_whose_bic_is_unknown_is_said_to_be_so() -> None:
    xml = as_credit_transfer(MESSAGE, Party("Airline AG", GERMAN, ""), [payment(), payment(13, bic="PSSTFRPPMON")])
    XSD.validate(xml.decode())
    assert texts(xml, "BICFI") == ["PSSTFRPPMON"]
    assert "NOTPROVIDED" in texts(xml, "Id")


def test_the_largest_amount_is_written_without_loss() -> None:
    xml = as_credit_transfer(MESSAGE, AIRLINE, [payment(amount_minor=SEPA_MINOR_MAX)])
    XSD.validate(xml.decode())
    assert texts(xml, "InstdAmt") == ["999999999.99"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("José Müller & Søn", "Jose Muller + Son"),
        ("Łukasz Żółć", "Lukasz Zolc"),
        ("Straße 5", "Strasse 5"),
        ("Иван Петров", "Ivan Petrov"),
        ("Αθηνά", "Athena"),
        ("a_b@c;d", "a-b(at)c,d"),
        ("<Ana> {x}|y", "Ana x y"),
        ("//a//b/", "a/b"),
        ("tab\tand\x1b[31mescape", "tab and 31mescape"),
        ("🙂", ""),
    ],
)
def test_what_banks_take(text: str, expected: str) -> None:
    assert sepa_text(text, NAME_LENGTH_MAX) == expected


@given(st.text(max_size=200))
def test_whatever_somebody_is_called_banks_take_it(name: str) -> None:
    shown = sepa_text(first_sepa_text((name, "ana")), NAME_LENGTH_MAX)
    assert 1 <= len(shown) <= NAME_LENGTH_MAX
    assert set(shown) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/-?:().,'+ ")
    assert shown == shown.strip("/ ")


def test_the_strangest_names_make_a_valid_file() -> None:
    names = ("x" * 500, "<b>&]]>", "\N{ZERO WIDTH JOINER}a\0b", "王小明", "مريم")
    xml = as_credit_transfer(MESSAGE, AIRLINE, [payment(name=name, booking_id=name) for name in names])
    XSD.validate(xml.decode())
    assert texts(xml, "Nm")[2:] == ["x" * 70, "b +", "a b", "Wang Xiao Ming", "mrym"]


def test_who_can_not_be_named_is_not() -> None:
    assert first_sepa_text((None, "", "🙂")) == "NOTPROVIDED"


def test_a_csv_has_all_that_is_needed_to_pay_by_hand() -> None:
    [row] = csv.DictReader(io.StringIO(as_csv([payment(name="=HYPERLINK()", bic="PSSTFRPPMON")]).decode()))
    assert tuple(row) == CASH_COLUMNS
    assert row == {
        "id": "12",
        "end_to_end_id": "REFUNDCTL-4e6e7b1a-12-1",
        "customer_id": "ana",
        "name": "'=HYPERLINK()",
        "iban": FRENCH,
        "bic": "PSSTFRPPMON",
        "amount": "12.50",
        "currency": "EUR",
        "campaign": "flight-refunds",
        "card_id": "c1",
        "booking_id": "B1",
        "refund_id": "",
        "source": "request",
        "created_at": "2020-05-01T12:00:00Z",
    }
