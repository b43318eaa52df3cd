"""The bank's answers: pain.002 of any version, and CSV by hand; nothing that XML can do is done."""

import io

import pytest

from refundctl.domain.basics.errors import BadInput
from refundctl.domain.bookings.booking_cells import RejectedRow
from refundctl.files.cash import bank_answers
from refundctl.files.cash.bank_answers import BankAnswer, Said, Statement, read_answer

MESSAGE = "REFUNDCTL-4e6e7b1a-1"
NAMESPACE = "urn:iso:std:iso:20022:tech:xsd:pain.002.001.10"


def read(content: str | bytes) -> BankAnswer:
    return read_answer(io.BytesIO(content.encode() if isinstance(content, str) else content), "answer")


def refusal(content: str | bytes) -> BadInput:
    with pytest.raises(BadInput) as caught:
        read(content)
    return caught.value


def report(inside: str, *, group: str = "") -> str:
    status = f"<GrpSts>{group}</GrpSts>" if group else ""
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><Document xmlns="{NAMESPACE}"><CstmrPmtStsRpt>'
        f"<GrpHdr><MsgId>BANK-1</MsgId></GrpHdr>"
        f"<OrgnlGrpInfAndSts><OrgnlMsgId>{MESSAGE}</OrgnlMsgId>{status}</OrgnlGrpInfAndSts>{inside}"
        "</CstmrPmtStsRpt></Document>"
    )


def transaction(payment: str, status: str, more: str = "") -> str:
    return f"<TxInfAndSts><OrgnlEndToEndId>{payment}</OrgnlEndToEndId><TxSts>{status}</TxSts>{more}</TxInfAndSts>"


def payment(inside: str, status: str = "") -> str:
    own = f"<PmtInfSts>{status}</PmtInfSts>" if status else ""
    return f"<OrgnlPmtInfAndSts><OrgnlPmtInfId>{MESSAGE}</OrgnlPmtInfId>{own}{inside}</OrgnlPmtInfAndSts>"


def test_each_transaction_of_a_report() -> None:
    reason = (
        "<StsRsnInf><Rsn><Cd>AC01</Cd></Rsn><AddtlInf>Account DE89370400440532013000 is closed</AddtlInf></StsRsnInf>"
    )
    found = read(
        report(
            payment(
                transaction(f"{MESSAGE}-a", "ACSC", "<AcctSvcrRef>2020-77</AcctSvcrRef>")
                + transaction(f"{MESSAGE}-b", "RJCT", reason)
                + transaction(f"{MESSAGE}-c", "ACSP")
                + transaction(f"{MESSAGE}-d", "ACCC"),
                "PART",
            ),
            group="PART",
        )
    )
    assert found.statements == [
        Statement(f"{MESSAGE}-a", Said.PAID, "2020-77"),
        Statement(f"{MESSAGE}-b", Said.REJECTED, "AC01"),
        Statement(f"{MESSAGE}-c", Said.PENDING, None),
        Statement(f"{MESSAGE}-d", Said.PAID, None),
    ]
    assert found.csv is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (report("", group="RJCT"), Said.REJECTED),
        (report(payment("", "ACSC"), group="ACTC"), Said.PAID),
        (report(payment(""), group="RJCT"), Said.REJECTED),
        (report("", group="ACCP"), Said.PENDING),
    ],
    ids=["group", "payment before group", "group for payment", "accepted only"],
)
def test_where_no_transaction_is_listed_the_status_is_of_all(text: str, said: Said) -> None:
    assert read(text).statements == [Statement(MESSAGE, said, None, all_of=True)]


def test_where_transactions_are_listed_a_group_says_nothing_of_the_others() -> None:
    found = read(report(payment(transaction("one", "RJCT")), group="ACSC"))
    assert found.statements == [Statement("one", Said.REJECTED, None)]


def test_a_transaction_without_a_status_has_that_of_its_payment() -> None:
    inside = "<TxInfAndSts><OrgnlEndToEndId>one</OrgnlEndToEndId></TxInfAndSts>"
    assert read(report(payment(inside, "RJCT"))).statements == [Statement("one", Said.REJECTED, None)]


def test_the_version_and_prefix_of_the_report_do_not_matter() -> None:
    text = report(payment(transaction("one", "ACSC"))).replace(
        NAMESPACE, "urn:iso:std:iso:20022:tech:xsd:pain.002.001.03"
    )
    prefixed = text.replace("<", "<p:").replace("<p:/", "</p:").replace("<p:?", "<?").replace("xmlns=", "xmlns:p=")
    expected = [Statement("one", Said.PAID, None)]
    assert read(text).statements == read(prefixed).statements == expected
    utf16 = text.replace("UTF-8", "UTF-16").encode("utf-16")
    assert read(utf16).statements == expected
    assert read(b"\xef\xbb\xbf\n" + text.partition("?>")[2].encode()).statements == expected


BOMB = '<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><Document>&b;</Document>'
EXTERNAL = '<?xml version="1.0"?><!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/passwd">]><Document>&x;</Document>'


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (BOMB, "doctype_refused"),
        (EXTERNAL, "doctype_refused"),
        ("<!DOCTYPE Document><Document/>", "doctype_refused"),
        ("<Document><CstmrPmtStsRpt>", "xml_malformed"),
        ("<Document>&undeclared;</Document>", "xml_malformed"),
        ('<?xml version="1.0" encoding="nonsense"?><Document/>', "xml_malformed"),
        ("<html><body>Sign in</body></html>", "no_bank_answer"),
        ("<Document><CstmrCdtTrfInitn/></Document>", "no_bank_answer"),
        (report(""), "answer_empty"),
        ("id,reference\n1,x\n", "column_missing"),
        ("", "empty_file"),
    ],
)
def test_what_is_no_answer_is_refused_whole(content: str, code: str) -> None:
    assert refusal(content).code == code


def test_a_report_beyond_all_measure_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bank_answers, "XML_BYTES_MAX", 1_000)
    assert refusal(report(payment(transaction("one", "ACSC") * 50))).code == "file_too_large"


def test_a_csv_by_hand() -> None:
    found = read("id,status,reference\n12,paid,cheque 7\n13, Rejected ,\n14,,\n")
    assert found.statements == [
        Statement("12", Said.PAID, "cheque 7", 2),
        Statement("13", Said.REJECTED, None, 3),
        Statement("14", Said.PENDING, None, 4),
    ]
    assert found.faults == []


def test_the_payments_own_id_counts_before_the_debts() -> None:
    found = read(f"id,end_to_end_id,amount,status\n12,{MESSAGE[:-2]}-12-3,5.00,rejected\n")
    assert found.statements == [Statement(f"{MESSAGE[:-2]}-12-3", Said.REJECTED, None, 2)]


@pytest.mark.parametrize(
    ("row", "field", "code"),
    [
        ("12,,done,", "status", "status_unknown"),
        (",,paid,", "id", "id_missing"),
        ("13,REFUNDCTL-4e6e7b1a-12-3,paid,", "id", "id_contradicts"),
        ("12,,paid,DE89 3704 0044 0532 0130 00", "reference", "reference_malformed"),
        (f"12,,paid,{'x' * 141}", "reference", "reference_malformed"),
        ("12,,paid", "", "wrong_field_count"),
    ],
)
def test_a_row_that_can_not_be_taken_says_why(row: str, field: str, code: str) -> None:
    found = read(f"id,end_to_end_id,status,reference\n{row}\n")
    assert found.statements == []
    [fault] = found.faults
    assert isinstance(fault, RejectedRow)
    assert (fault.line, fault.field, fault.code) == (2, field, code)
