"""Files of accounts: each IBAN is checked, and no message shows one."""

import io

import pytest

from refundctl.domain.basics.errors import BadInput, RowProblem
from refundctl.files.cash.accounts_csv import Account, Accounts, read_accounts

GERMAN, FRENCH = "DE89370400440532013000", "FR1420041010050500013M02606"
HEADER = "customer_id,name,iban,bic\n"


def read(text: str) -> Accounts:
    return read_accounts(io.BytesIO(text.encode()), "accounts.csv")


def refusal(text: str) -> BadInput:
    with pytest.raises(BadInput) as caught:
        read(text)
    return caught.value


def test_accounts_by_customer_and_the_companys_own() -> None:
    found = read(f"{HEADER}debtor,Airline AG,{GERMAN},COBADEFFXXX\nana,Ana Nowak,{FRENCH},\n")
    assert found.debtor == Account(2, "Airline AG", GERMAN, "COBADEFFXXX")
    assert found.by_customer == {"ana": Account(3, "Ana Nowak", FRENCH, "")}
    assert found.count == 2


@pytest.mark.parametrize(
    "written",
    [
        "DE89 3704 0044 0532 0130 00",
        "de89370400440532013000",
        "DE89-3704-0044-0532-0130-00",
        " DE89\u00a037040044 0532013000 ",
    ],
)
def test_an_iban_may_be_written_as_on_paper(written: str) -> None:
    assert read(f"customer_id,iban\nana,{written}\n").by_customer["ana"] == Account(2, "", GERMAN, "")


def test_name_and_bic_may_be_left_out_and_columns_stand_in_any_order() -> None:
    found = read(f"IBAN;Branch;Customer_ID\n{GERMAN};North;ana\n\n;;\n{FRENCH};;bo\n")
    assert found.by_customer == {"ana": Account(2, "", GERMAN, ""), "bo": Account(5, "", FRENCH, "")}
    assert found.debtor is None


@pytest.mark.parametrize(
    ("iban", "bic", "code"),
    [
        ("", "", "iban_missing"),
        ("DE89370400440532013001", "", "iban_invalid"),  # check digits
        ("DE98370400440532013000", "", "iban_invalid"),  # two of them swapped
        ("DE8937040044053201300", "", "iban_invalid"),  # too short
        ("XX89370400440532013000", "", "iban_invalid"),
        ("not an iban", "", "iban_invalid"),
        ("ＤＥ８９３７０４００４４０５３２０１３０００", "", "iban_invalid"),
        (GERMAN, "COBADEF", "bic_invalid"),
        (GERMAN, "COBAXYFF", "bic_invalid"),
    ],
)
def test_an_account_that_can_not_be_used_is_kept_with_its_line(iban: str, bic: str, code: str) -> None:
    found = read(f"{HEADER}ana,Ana,{iban},{bic}\n").by_customer["ana"]
    assert isinstance(found, RowProblem)
    assert (found.line, found.code) == (2, code)
    assert not iban or iban not in found.message


def test_why_an_iban_is_wrong() -> None:
    reasons = [
        fault.message
        for iban in ("DE89370400440532013001", "DE8937040044053201300", "XX89370400440532013000")
        if isinstance(fault := read(f"customer_id,iban\nana,{iban}\n").by_customer["ana"], RowProblem)
    ]
    assert reasons[0] == "the iban is wrong: its check digits don't fit, so a sign is mistyped or two are swapped"
    assert len(reasons) == 3


def test_two_accounts_of_one_customer_are_none() -> None:
    found = read(f"customer_id,iban\nana,{GERMAN}\nana,{FRENCH}\n").by_customer["ana"]
    assert found == RowProblem(
        3, "account_twice", "line 2 names another account of the same customer: leave one of them"
    )


def test_the_same_account_twice_is_one() -> None:
    found = read(f"customer_id,iban\nana,{GERMAN}\nana,DE89 3704 0044 0532 0130 00\n")
    assert found.by_customer["ana"] == Account(2, "", GERMAN, "")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "empty_file"),
        ("customer_id,name\nana,Ana\n", "column_missing"),
        (f"iban\n{GERMAN}\n", "column_missing"),
        (f"customer_id,iban,iban\nana,{GERMAN},{GERMAN}\n", "duplicate_header"),
        (f"customer_id,iban\nana,{GERMAN},more\n", "wrong_field_count"),
        (f"customer_id,iban\n,{GERMAN}\n", "customer_missing"),
        (f'customer_id,iban\nana,"{GERMAN}\n', "unterminated_quote"),
        ("customer_id,iban\nana,\0\n", "nul_bytes"),
    ],
)
def test_a_file_that_says_something_else_is_refused_whole(text: str, code: str) -> None:
    found = refusal(text)
    assert found.code == code
    assert GERMAN not in found.message


def test_a_missing_column_is_asked_for_by_its_likeliest_name() -> None:
    assert refusal("customer_id,ibn\nana,x\n").message == "accounts.csv has no column `iban`; is that `ibn`?."
