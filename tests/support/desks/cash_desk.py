"""What is owed in cash, through the real command line: bookings with cash, accounts to pay to, and the bank's answers."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import xmlschema

from support.books import BEFORE_RELEASE, LEDGER, read
from support.command_line import CAMPAIGN, CommandResult, ThisProcess, small_campaigns
from support.desks.bookings_desk import booking, rows_of, write_bookings

# The standard that every file for the bank is held against is read once: for each file anew it takes longer than the rest.
xmlschema.XMLSchema = cache(xmlschema.XMLSchema)  # type: ignore[assignment]

GERMAN, FRENCH, DUTCH = "DE89370400440532013000", "FR1420041010050500013M02606", "NL91ABNA0417164300"
DEBTOR = f"debtor,Airline AG,{GERMAN},COBADEFFXXX\n"
HEADER = "customer_id,name,iban,bic\n"
ACCOUNTS = f"{HEADER}{DEBTOR}C-B1,,{FRENCH},\nC-B2,Bo Berg,{DUTCH},ABNANL2A\nC-B3,,{GERMAN},\n"
# B1 is a card of 100.00 and a bonus of 5.00; B2 a card of 30.00 beside 20.00 in cash; B3 is paid in cash by policy.
BOOKINGS = (
    booking("B1", "100.00", bonus_amount="5.00"),
    booking("B2", "50.00", cash_amount="20.00"),
    booking("B3", "70.00", country="US-ME"),
)
POLICY = {"refund": {"offers": [{"when": {"country": ["US-ME"]}, "offer": "cash"}]}}


@dataclass(frozen=True, slots=True)
class CashDesk:
    """A folder with the campaign above, funded by run 1: debt 4 is 20.00 of B2, debt 5 is 70.00 of B3."""

    folder: Path

    @classmethod
    def funded(cls, folder: Path, *rows: dict[str, str], **keys: Any) -> "CashDesk":
        desk = cls(folder)
        (folder / "campaigns.yaml").write_text(small_campaigns(**POLICY | keys), encoding="utf-8")
        (folder / "accounts.csv").write_text(ACCOUNTS, encoding="utf-8")
        write_bookings(folder / "bookings.csv", *(rows or BOOKINGS))
        desk("run", CAMPAIGN, "bookings.csv", "--out", "out").ok()
        return desk

    def __call__(self, *words: str, now: str = BEFORE_RELEASE, stdin: str = "") -> CommandResult:
        return ThisProcess(self.folder)(*words, now=now, stdin=stdin)

    def answer(self, *words: str, exits: int = 0, now: str = BEFORE_RELEASE) -> dict[str, Any]:
        result = self(*words, "--json", now=now)
        assert result.exit == exits, f"{words} ended with {result.exit}:\n{result.stdout}{result.stderr}"
        return result.json()

    def refused(self, *words: str, now: str = BEFORE_RELEASE) -> str:
        """The code of the one reason for which a command is refused."""
        [error] = self.answer(*words, exits=4, now=now)["errors"]
        return str(error["code"])

    def request(self, card: str = "c1") -> int:
        """Ask for cash instead of a card; gives the cash-out's number."""
        return int(self.answer("cashout", "request", card, "--reason", "wants cash")["cashout"]["id"])

    def export(self, output: str = "pay.xml", *options: str, exits: int = 0) -> dict[str, Any]:
        """A pain.001 of all that is open."""
        words = ("cashout", "export", "-o", output, "--format", "pain.001", "--accounts", "accounts.csv")
        return self.answer(*words, *options, exits=exits)

    def settle(self, text: str, exits: int = 0, name: str = "answer.csv") -> dict[str, Any]:
        (self.folder / name).write_text(text, encoding="utf-8")
        return self.answer("cashout", "settle", name, exits=exits)

    def states(self) -> dict[int, str]:
        """What has become of each debt."""
        return {debt["id"]: debt["state"] for debt in self.answer("cashout", "list", "--state", "all")["cashouts"]}

    def card(self, card: str = "c1") -> tuple[str, str]:
        """State and balance of a card, as the export of cards has them."""
        rows = rows_of(self("export", "cards", CAMPAIGN, "-o", "-").ok().stdout)
        [row] = [row for row in rows if row["card_id"] == card]
        return row["state"], row["balance"]

    def payments(self, cash_file: int = 1) -> dict[int, str]:
        """The ids under which a file for the bank pays its debts."""
        path = self.folder / LEDGER
        [(ledger_id,)] = read(path, "SELECT ledger_id FROM ledger")
        rows = read(path, "SELECT debt FROM cash_orders WHERE cash_file = ? ORDER BY debt", cash_file)
        return {debt: f"REFUNDCTL-{ledger_id[:8]}-{debt}-{cash_file}" for (debt,) in rows}

    def message(self, cash_file: int = 1) -> str:
        """The id of a file for the bank."""
        [(ledger_id,)] = read(self.folder / LEDGER, "SELECT ledger_id FROM ledger")
        return f"REFUNDCTL-{ledger_id[:8]}-{cash_file}"

    def in_order(self) -> None:
        self("verify").ok()


def pain_002(message: str, group: str = "", **transactions: str) -> str:
    """The bank's answer to a message: the status of the whole, or of each payment by its id (with _ for -)."""
    listed = "".join(
        f"<TxInfAndSts><OrgnlEndToEndId>{name.replace('_', '-')}</OrgnlEndToEndId><TxSts>{status}</TxSts></TxInfAndSts>"
        for name, status in transactions.items()
    )
    payment = (
        f"<OrgnlPmtInfAndSts><OrgnlPmtInfId>{message}</OrgnlPmtInfId>{listed}</OrgnlPmtInfAndSts>" if listed else ""
    )
    return (
        '<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.002.001.10"><CstmrPmtStsRpt><GrpHdr><MsgId>B</MsgId></GrpHdr>'
        f"<OrgnlGrpInfAndSts><OrgnlMsgId>{message}</OrgnlMsgId><GrpSts>{group}</GrpSts></OrgnlGrpInfAndSts>{payment}"
        "</CstmrPmtStsRpt></Document>"
    )
