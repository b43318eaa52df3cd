"""Files of bank accounts: who is paid to which IBAN. They are read for one file for the bank, and kept nowhere.

No message shows an IBAN or a name: the line says which one is meant.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import BinaryIO

from refundctl.domain.basics.definition_mistakes import folded
from refundctl.domain.basics.errors import BadInput, RowProblem
from refundctl.files.tables.small_csv import NamedRow, NamedRows
from refundctl.files.tables.table_file import wrong_width

#: Who pays: the customer_id of the row with the company's own account.
DEBTOR = "debtor"


@dataclass(frozen=True, slots=True)
class Account:
    """A bank account whose IBAN and BIC were checked, both without spaces; `name` is its owner's, or blank."""

    line: int
    name: str
    iban: str
    bic: str


@dataclass(frozen=True, slots=True)
class Accounts:
    """The accounts of a file by customer_id, unusable ones among them; `debtor` is None where it has none."""

    path: str
    by_customer: Mapping[str, Account | RowProblem]
    debtor: Account | RowProblem | None
    count: int
    sha256: str


def read_accounts(stream: BinaryIO, name: str) -> Accounts:
    """Read a CSV file with the columns customer_id, iban, and perhaps name and bic.

    Raises BadInput where it is no such file, or a row of it is not filled in as the header says.
    """
    file = NamedRows(stream, name, "accounts", required=("customer_id", "iban"), optional=("name", "bic"))
    found: dict[str, Account | RowProblem] = {}
    said: dict[str, tuple[int, tuple[str, str, str]]] = {}
    for row in file.named:
        customer_id = _customer_id(file, row)
        account = _account(row)
        if customer_id not in said:
            said[customer_id] = row.line, _compared(row)
            found[customer_id] = account
        elif said[customer_id][1] != _compared(row):
            reason = f"line {said[customer_id][0]} names another account of the same customer: leave one of them"
            found[customer_id] = RowProblem(row.line, "account_twice", reason)
    debtor = next((found.pop(id_) for id_ in list(found) if folded(id_) == DEBTOR), None)
    return Accounts(name, found, debtor, len(file.named), file.sha256)


def _customer_id(file: NamedRows, row: NamedRow) -> str:
    if row.width != file.width:
        raise wrong_width(file.name, row.line, row.width, file.width)
    customer_id = row.cells["customer_id"]
    if not customer_id:
        message = f"{file.name}, line {row.line}: the customer_id is blank; say whose account it is."
        raise BadInput(message, code="customer_missing", path=file.name, line=row.line)
    return customer_id


def _compared(row: NamedRow) -> tuple[str, str, str]:
    cells = (row.cells.get(column, "") for column in ("name", "iban", "bic"))
    name, iban, bic = ("".join(cell.split()).upper() for cell in cells)
    return name, iban, bic


def _account(row: NamedRow) -> Account | RowProblem:
    from stdnum import bic, iban
    from stdnum.exceptions import ValidationError

    name, own_bic = row.cells.get("name", ""), row.cells.get("bic", "")
    if not row.cells["iban"]:
        return RowProblem(row.line, "iban_missing", "the iban is blank")
    try:
        own_iban = iban.validate(row.cells["iban"])
    except ValidationError as error:
        return RowProblem(row.line, "iban_invalid", f"the iban is wrong: {_IBAN_REASONS[_kind_of(error)]}")
    try:
        checked_bic = bic.validate(own_bic) if own_bic else ""
    except ValidationError:
        return RowProblem(row.line, "bic_invalid", "the bic is wrong: it has 8 or 11 signs, the country's at the fifth")
    return Account(row.line, " ".join(name.split()), own_iban, checked_bic)


_IBAN_REASONS = {
    "checksum": "its check digits don't fit, so a sign is mistyped or two are swapped",
    "form": "it hasn't the length or the signs that one of its country has",
    "country": "it begins with no country that has IBANs, or a part of it is unknown there",
}


def _kind_of(error: ValueError) -> str:
    from stdnum.exceptions import InvalidChecksum, InvalidComponent

    if isinstance(error, InvalidChecksum):
        return "checksum"
    return "country" if isinstance(error, InvalidComponent) else "form"
