"""What the bank, or a clerk, says of payments: a pain.002 in XML (ISO 20022), or a CSV with `id` and `status`.

The XML is read without a DOCTYPE, and so without entities; no message shows what stands in it beside our own ids.
"""

import codecs
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, BinaryIO

from refundctl.domain.basics.errors import BadInput
from refundctl.domain.bookings.booking_cells import RejectedRow
from refundctl.files.tables.small_csv import NamedRow, NamedRows

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

XML_BYTES_MAX = 64 * 1024 * 1024
REFERENCE_LENGTH_MAX = 140  # as AddtlInf and unstructured remittance information have it


class Said(StrEnum):
    """What is said of a payment; PENDING is anything else than its end."""

    PAID = "paid"
    REJECTED = "rejected"
    PENDING = "pending"


#: ISO 20022, ExternalPaymentTransactionStatus1Code: settled on the debtor's, and on the creditor's account; rejected.
_CODES = {"ACSC": Said.PAID, "ACCC": Said.PAID, "RJCT": Said.REJECTED}


@dataclass(frozen=True, slots=True)
class Statement:
    """What is said of one payment, or of `all_of` a message; `payment` is its id as written. XML has no lines."""

    payment: str
    said: Said
    reference: str | None
    line: int | None = None
    all_of: bool = False


@dataclass(frozen=True, slots=True)
class BankAnswer:
    """All statements in the order of the file, and the rows of a CSV that say nothing that can be taken.

    `csv` is how a CSV was read, None for XML. `sha256` is the hexadecimal digest of the raw bytes.
    """

    name: str
    statements: Sequence[Statement]
    faults: Sequence[RejectedRow]
    sha256: str
    csv: NamedRows | None = None


def read_answer(stream: BinaryIO, name: str) -> BankAnswer:
    """Read what a file says of payments; the stream is seekable, and `name` is what messages call it.

    Raises BadInput where it is no such file.
    """
    start = stream.read(64)
    stream.seek(0)
    return _read_xml(stream, name) if _is_xml(start) else _read_csv(stream, name)


def _is_xml(start: bytes) -> bool:
    text = start.removeprefix(codecs.BOM_UTF8)
    marks = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
    return text.lstrip().startswith(b"<") or (start.startswith(marks) and b"<" in start[:4])


# CSV


def _read_csv(stream: BinaryIO, name: str) -> BankAnswer:
    file = NamedRows(stream, name, "answers", required=("id", "status"), optional=("end_to_end_id", "reference"))
    read = [_row(row, file.width) for row in file.named]
    return BankAnswer(
        name,
        [one for one in read if isinstance(one, Statement)],
        [one for one in read if isinstance(one, RejectedRow)],
        file.sha256,
        file,
    )


def _row(row: NamedRow, width: int) -> Statement | RejectedRow:
    cells = row.cells
    payment, other = cells["id"], cells.get("end_to_end_id", "")
    if row.width != width:
        return RejectedRow(row.line, "", "wrong_field_count", f"the row has {row.width} fields, the header has {width}")
    if (of_ids := _fault_of_ids(payment, other)) is not None:
        return RejectedRow(row.line, "id", *of_ids)
    status = cells["status"].casefold() or str(Said.PENDING)
    if status not in list(Said):
        return RejectedRow(row.line, "status", "status_unknown", "status is neither paid nor rejected (nor blank)")
    reference = cells.get("reference", "")
    if not _can_be_kept(reference):
        reason = f"reference has more than {REFERENCE_LENGTH_MAX} characters, some that can't be printed, or is an IBAN"
        return RejectedRow(row.line, "reference", "reference_malformed", reason)
    return Statement(other or payment, Said(status), reference or None, row.line)


def _fault_of_ids(payment: str, other: str) -> tuple[str, str] | None:
    if not payment and not other:
        return "id_missing", "id is blank: give the number that `refundctl cashout list` shows"
    if payment.isdecimal() and other and other.split("-")[2:3] != [payment]:
        return "id_contradicts", "id and end_to_end_id name two debts"
    return None


def _can_be_kept(reference: str) -> bool:
    if len(reference) > REFERENCE_LENGTH_MAX or not reference.isprintable():
        return False
    from stdnum import iban

    return not iban.is_valid(reference)


# pain.002


def _read_xml(stream: BinaryIO, name: str) -> BankAnswer:
    content = stream.read(XML_BYTES_MAX + 1)
    if len(content) > XML_BYTES_MAX:
        message = f"{name} is larger than {XML_BYTES_MAX // 1024**2} MiB: no bank's answer is; check the file."
        raise BadInput(message, code="file_too_large", path=name)
    report = _report_in(_parsed(content, name), name)
    statements = list(_statements(report))
    if not statements:
        message = f"{name} says nothing of any payment: it has no status of a group, a payment or a transaction."
        raise BadInput(message, code="answer_empty", path=name)
    return BankAnswer(name, statements, [], hashlib.sha256(content).hexdigest())


def _parsed(content: bytes, name: str) -> "Element":
    from xml.etree import ElementTree

    class NoDoctype(ElementTree.TreeBuilder):
        """Without a DOCTYPE nothing can be declared that would grow, or be fetched, while it is read."""

        def doctype(self, *_: object) -> None:
            message = f"{name} has a DOCTYPE, which no bank's answer has: it is not read."
            raise BadInput(message, code="doctype_refused", path=name)

    parser = ElementTree.XMLParser(target=NoDoctype())  # noqa: S314 - see NoDoctype
    try:
        parser.feed(content)
        root: Element = parser.close()
    except (ElementTree.ParseError, LookupError, ValueError) as error:
        line = getattr(error, "position", (1, 0))[0]
        message = f"{name} is no XML as it should be, from line {line} on: fetch it from the bank once more."
        raise BadInput(message, code="xml_malformed", path=name, line=line) from error
    return root


def _report_in(root: "Element", name: str) -> "Element":
    report = _first(root, "CstmrPmtStsRpt")
    if _local(root) != "Document" or report is None:
        message = (
            f"{name} is no payment status report (pain.002) but something else in XML: name the bank's answer to the "
            "pain.001, or a CSV with `id` and `status`."
        )
        raise BadInput(message, code="no_bank_answer", path=name)
    return report


def _statements(report: "Element") -> Iterator[Statement]:
    """What is said of single transactions; of a group or payment without any, its own status is that of all."""
    group = _first(report, "OrgnlGrpInfAndSts")
    message_id = "" if group is None else _text(group, "OrgnlMsgId")
    of_group = _statement(group, "GrpSts", message_id)
    listed = False
    for payment in _all(report, "OrgnlPmtInfAndSts"):
        of_payment = _statement(payment, "PmtInfSts", message_id) or of_group
        transactions = _all(payment, "TxInfAndSts")
        listed = listed or bool(transactions) or of_payment is not None
        yield from _of_transactions(transactions, of_payment) if transactions else filter(None, [of_payment])
    if not listed and of_group is not None:
        yield of_group


def _of_transactions(transactions: "list[Element]", of_payment: Statement | None) -> Iterator[Statement]:
    for transaction in transactions:
        own = _statement(transaction, "TxSts", "") or of_payment
        if own is not None:
            yield replace(own, payment=_text(transaction, "OrgnlEndToEndId"), all_of=False)


def _statement(element: "Element | None", status: str, payment: str) -> Statement | None:
    code = "" if element is None else _text(element, status)
    if element is None or not code:
        return None
    return Statement(payment, _CODES.get(code, Said.PENDING), _reference(element), all_of=True)


def _reference(element: "Element") -> str | None:
    """The bank's reference or its code for why: not its own words, which may say whose account it is."""
    reason = next((_text(one, "Cd") for info in _all(element, "StsRsnInf") for one in _all(info, "Rsn")), "")
    found = reason or _text(element, "AcctSvcrRef")
    return found if found and _can_be_kept(found) else None


def _local(element: "Element") -> str:
    return str(element.tag).rpartition("}")[2]


def _all(element: "Element", name: str) -> "list[Element]":
    return [child for child in element if _local(child) == name]


def _first(element: "Element", name: str) -> "Element | None":
    return next(iter(_all(element, name)), None)


def _text(element: "Element", name: str) -> str:
    found = _first(element, name)
    return "" if found is None else (found.text or "").strip()
