"""Whole columns read by the rules of one value, at the speed of a column.

A column is taken as it is where one regular expression shows that each of its texts is right as it stands,
and read text by text otherwise, each distinct text once. Both ways give the same.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from refundctl.domain.bookings import booking_cells as cell
from refundctl.domain.bookings.booking_cells import USUAL_EMAIL, WHITESPACE, Fault
from refundctl.domain.bookings.column_faults import Faults, Texts, Values, take_out_faults

#: Texts whose outcome a column keeps in mind.
REMEMBERED_MAX = 20_000

_PLAIN_ID = r"(?:#(?=[0-9]))?+[A-Za-z0-9][A-Za-z0-9_.:/#-]{0,99}+"
#: Texts that their rule returns as they are, for columns whose texts rarely repeat. Each can be read in one
#: way only, so the possessive signs (`++`) never lose a match; all letters from U+00C0 to U+02BF are in NFC.
_PLAIN = {
    "booking_id": _PLAIN_ID,
    "refund_id": _PLAIN_ID,
    "customer_id": _PLAIN_ID,
    "email": USUAL_EMAIL,
    "name": r"[A-Za-z\u00c0-\u02bf][A-Za-z\u00c0-\u02bf .'\u2019-]{0,98}+(?<! )",
    "phone": r"\+?+[0-9][0-9 ()./-]{0,48}+(?<! )",
}
_PLAIN_VALUES = {name: re.compile(value) for name, value in _PLAIN.items()}
_PLAIN_COLUMNS = {name: re.compile(f"(?:(?:{value})?+\n)*+") for name, value in _PLAIN.items()}

#: What a text of a column may say, where that is not any text.
RULES: dict[str, Callable[[str], Any]] = {
    "booking_id": cell.read_line_id,
    "refund_id": cell.read_line_id,
    "currency": cell.read_currency,
    "customer_id": cell.read_id,
    "email": cell.read_email,
    "name": cell.read_name,
    "locale": cell.read_locale,
    "country": cell.read_country,
    "tickets": cell.read_tickets,
    "accepted": cell.read_yes_no,
    "marketing_consent": cell.read_yes_no,
}


@dataclass(slots=True)
class ColumnRules:
    """The rules of a source's columns. It remembers texts that it has read, since most of them repeat.

    `blanks` are texts that count as blank, besides the empty one; `constants` stand where a column is absent, and in
    its blank cells. `id_prefix` is put before the ids of bookings and customers. Where a reason says what to set in the
    source, it says how for one that begins with the `preset`.
    """

    decimal: str = "."
    thousands: str | None = None
    date_format: str | None = None
    blanks: frozenset[str] = frozenset()
    constants: Mapping[str, str] = field(default_factory=dict)
    id_prefix: str = ""
    preset: str | None = None
    _remembered: dict[str, dict[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.blanks -= {""}

    def joined(self, parts: Sequence[Texts]) -> list[str]:
        """One column of texts from several, with a space between two of them; blank ones are left out."""
        return [" ".join(text for text in map(self.trimmed, row) if text) for row in zip(*parts, strict=True)]

    def read_column(self, name: str, texts: Texts, faults: Faults) -> Values:
        """The values of one column; None where a text is blank, and where it is at fault."""
        plain = _PLAIN_COLUMNS.get(name)
        if plain is None:
            return self._read_by_text(name, texts, faults)
        if not self.has_null(texts):
            joined = "\n".join((*texts, ""))
            # A text with a line break in it looks like two.
            if plain.fullmatch(joined) and joined.count("\n") == len(texts):
                return [text or None for text in texts] if "" in texts else texts
        return self._read_but_plain(name, texts, faults)

    def has_null(self, texts: Texts) -> bool:
        """Whether one of them counts as blank without being empty."""
        return bool(self.blanks) and not self.blanks.isdisjoint(texts)

    def _read_but_plain(self, name: str, texts: Texts, faults: Faults) -> Values:
        is_plain = _PLAIN_VALUES[name].fullmatch
        others = [row for row, text in enumerate(texts) if not is_plain(text) or text in self.blanks]
        outcomes = self._outcomes(name, {texts[row] for row in others})
        values: list[Any] = list(texts)
        for row in others:
            values[row] = outcomes[texts[row]]
        take_out_faults(name, values, others, faults)
        return values

    def _read_by_text(self, name: str, texts: Texts, faults: Faults) -> Values:
        distinct = set(texts)
        outcomes = self._outcomes(name, distinct)
        if all(outcomes[text] == text for text in distinct):
            return texts
        values = [outcomes[text] for text in texts]
        if any(isinstance(outcomes[text], Fault) for text in distinct):
            take_out_faults(name, values, range(len(values)), faults)
        return values

    def _outcomes(self, name: str, distinct: set[str]) -> dict[str, Any]:
        """At least for these texts, the value or the Fault of each."""
        known = self._remembered.setdefault(name, {})
        unread = distinct.difference(known)
        if len(known) + len(unread) > REMEMBERED_MAX:
            known.clear()
            unread = distinct
        rule = self._rule(name)
        for text in unread:
            known[text] = self._outcome(rule, text)
        return known

    def _rule(self, name: str) -> Callable[[str], Any]:
        if name in ("booked_at", "cancelled_at"):
            return partial(cell.read_date, date_format=self.date_format, preset=self.preset)
        return RULES.get(name, cell.read_text)

    def _outcome(self, rule: Callable[[str], Any], text: str) -> Any:
        text = self.trimmed(text)
        return rule(text) if text else None

    def trimmed(self, text: str) -> str:
        """The text without the white space around it; empty where it counts as blank."""
        text = text.strip(WHITESPACE)
        return "" if text in self.blanks else text

    def with_constants(self, texts: Mapping[str, Texts], count: int) -> dict[str, Texts]:
        """The columns of `count` rows, with the constants of the source."""
        given = dict(texts)
        for name, constant in self.constants.items():
            column = texts.get(name)
            if column is None:
                given[name] = [constant] * count
            else:
                given[name] = [text if self.trimmed(text) else constant for text in column]
        return given

    def prefixed(self, name: str, ids: Values, faults: Faults) -> Values:
        """The ids behind the prefix, by the rule of ids: two letters may become one, or the whole too long."""
        is_plain, rule = _PLAIN_VALUES[name].fullmatch, self._rule(name)
        whole = [None if given is None else f"{self.id_prefix}{given}" for given in ids]
        values: list[Any] = [text if text is None or is_plain(text) else rule(text) for text in whole]
        take_out_faults(name, values, range(len(values)), faults)
        return values
