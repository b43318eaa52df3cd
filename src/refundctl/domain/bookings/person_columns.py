"""The columns of a person, whose id may be the e-mail."""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass

from refundctl.domain.bookings.booking_cells import Fault, RejectCode
from refundctl.domain.bookings.column_faults import Faults, Texts, Values
from refundctl.domain.bookings.column_rules import ColumnRules

#: The columns of a person, in the order in which they are checked.
PERSON_FIELDS = ("customer_id", "email", "name", "phone", "locale", "country", "marketing_consent")


@dataclass(slots=True)
class PersonColumns(ColumnRules):
    """The rules of a source's columns that tell of people."""

    def read_people(self, texts: Mapping[str, Texts], count: int, faults: Faults) -> dict[str, Values]:
        """What `count` rows say of people, given as columns of texts; what is wrong with a row goes to `faults`.

        They are `customer_id` and those of PERSON_FIELDS that are a column or constant; of rows at fault they are void.
        """
        given = self.with_constants(texts, count)
        columns = {name: self.read_column(name, given[name], faults) for name in PERSON_FIELDS if name in given}
        ids = columns.get("customer_id")
        if ids is not None and self.id_prefix:
            ids = self.prefixed("customer_id", ids, faults)
        return {**columns, "customer_id": self.customer_ids(ids, columns.get("email"), given, count, faults)}

    def customer_ids(
        self, ids: Values | None, emails: Values | None, given: Mapping[str, Texts], count: int, faults: Faults
    ) -> Values:
        """The customer's id in each of `count` rows, or else the e-mail in lower case; a fault where both are blank."""
        if ids is not None and None not in ids:
            return ids
        nobody = [None] * count
        found = [
            customer_id or (email and unicodedata.normalize("NFC", email.lower()))
            for customer_id, email in zip(ids or nobody, emails or nobody, strict=True)
        ]
        self._require_customers(given, found, faults)
        return found

    def _require_customers(self, given: Mapping[str, Texts], ids: Values, faults: Faults) -> None:
        columns = [given[name] for name in ("customer_id", "email") if name in given]
        fault = Fault(RejectCode.NO_CUSTOMER, _NOBODY["customer_id" in given, "email" in given])
        for row, customer_id in enumerate(ids):
            # An id or e-mail at fault is missing here too, but has been named already.
            if customer_id is None and not any(self.trimmed(column[row]) for column in columns):
                faults.add(row, "customer_id", fault)


#: By whether there is a column of customers' ids, and one of e-mails.
_NOBODY = {
    (True, True): "is blank, and so is the e-mail; fill in one of them",
    (True, False): "is blank, and no column is an e-mail; fill it in",
    (False, True): "has no column, and the e-mail is blank; fill in the e-mail, or add a column customer_id",
    (False, False): "has no column, nor has an e-mail; add one of them, or name it under `columns` of a source",
}
