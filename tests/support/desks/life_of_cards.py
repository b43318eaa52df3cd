"""The whole life of cards in a few commands, so that a ledger has rows in every table that the desk writes to."""

from pathlib import Path
from typing import Any

from support.command_line import CommandLine, small_campaigns

AUTUMN = "2020-10-01T12:00:00Z"
WINTER = "2021-12-01T12:00:00Z"  # when cards of the autumn have expired
SPA = "spa-refunds"

FIFTH_FILE = (
    "booking_id,customer_id,email,order_amount,cash_amount,bonus_amount,currency,status\n"
    "S1,ana,ana@example.com,100.00,,20.00,NOK,cancelled\n"
    "S2,bo,bo@example.com,80.00,,,NOK,cancelled\n"
    "S3,cy,,60.00,,10.00,NOK,cancelled\n"
    "S4,dee,dee@example.org,50.00,,6.00,NOK,cancelled\n"
    "S5,eve,eve@example.com,40.00,40.00,,NOK,cancelled\n"
    "S6,eve,eve@example.com,30.00,10.00,,NOK,cancelled\n"
    "S7,fay,fay@example.com,25.00,,4.00,NOK,cancelled\n"
    "S8,gil,gil@example.com,45.00,45.00,,NOK,cancelled\n"
    "S9,hal,hal@example.com,20.00,,,NOK,confirmed\n"
    "S10,ida,ida@example.com,20.00,,,NOK,confirmed\n"
)
CORRECTED = "card_id,amount,reason\nc18,12.00,till was wrong\nc22,12.00,till was wrong\nc23,12.00,till was wrong\n"
TILL_FILE = (
    "card_id,amount,invoice,customer_id,redeemed_at\n"
    "c17,3.00,T1,bo,2020-10-01T06:00:00Z\n"
    "c17,999.00,T2,bo,2020-10-01T06:10:00Z\n"
    "c18,5.00,T3,cy,2020-09-30T12:00:00Z\n"
)
EXTENDED = "card_id,until\nc16,2022-10-01\nc21,2022-10-01\nc24,2022-10-01\nc26,2022-10-01\nc27,2022-10-01\n"
PIN = "2468"


class Desk:
    """Somebody at the desk, on the first day of October."""

    def __init__(self, cli: CommandLine, folder: Path) -> None:
        self._cli, self._folder = cli, folder

    def does(self, *words: str, now: str = AUTUMN, stdin: str = "", exits: int = 0) -> dict[str, Any]:
        """The answer of a command."""
        result = self._cli(*words, "--json", now=now, stdin=stdin)
        assert result.exit == exits, f"{words} ended with {result.exit}: {result.stdout}{result.stderr}"
        return result.json()

    def redeems(self, card: str, amount: str, customer: str, invoice: str, *options: str, stdin: str = "") -> str:
        """The number of the redemption."""
        words = ("card", "redeem", card, "--amount", amount, "--customer", customer, "--invoice", invoice, *options)
        return str(self.does(*words, stdin=stdin)["redemption"]["id"])

    def writes(self, name: str, text: str) -> str:
        (self._folder / name).write_text(text, encoding="utf-8")
        return name


def make_an_autumn(cli: CommandLine, folder: Path) -> None:
    """A campaign of its own, cards 16 to 21 of which are held, and 22 to 29 wait in the pool."""
    desk = Desk(cli, folder)
    desk.writes("campaigns.yaml", small_campaigns(SPA, currency="NOK", type="STATIC", vouchers_count=14))
    desk.does("run", SPA, desk.writes("fifth.csv", FIFTH_FILE), "--out", "out/spa")
    _buy_and_give_back(desk)
    _hand_out_and_correct(desk)
    _replace_and_make_good(desk)
    _pay_out(desk)
    _grow_old(desk)


def _buy_and_give_back(desk: Desk) -> None:
    first = desk.redeems("c16", "25.00", "ana", "A1", "--order-total", "50.00", "--key", "one")
    second = desk.redeems("c17", "10.00", "bo", "A2", "--key", "two")
    desk.redeems("c18", "15.00", "cy", "A3")
    desk.does("card", "rollback", first, "--reason", "sent back")
    desk.does("card", "rollback", second, "--amount", "4.00")
    for card in ("c16", "c17"):
        desk.does("card", "set-pin", card, "-", stdin=PIN)
    wrong = ("card", "redeem", "c16", "--amount", "1.00", "--customer", "ana", "--invoice", "A4", "--pin-file", "-")
    desk.does(*wrong, stdin="1357", exits=4)
    desk.does("card", "unlock", "c16")
    desk.redeems("c16", "7.00", "ana", "A4", "--pin-file", "-", stdin=PIN)


def _hand_out_and_correct(desk: Desk) -> None:
    desk.does("card", "disable", "c18", "--reason", "lost")
    desk.does("card", "enable", "c18")
    for card in ("c22", "c23"):
        desk.does("card", "activate", card)
    desk.does("card", "assign", "c22", "--customer", "ana")
    desk.does("card", "adjust", "--from", desk.writes("corrected.csv", CORRECTED))
    desk.does("card", "adjust", "c22", "--amount", "-2.00", "--reason", "till was right")


def _replace_and_make_good(desk: Desk) -> None:
    """Card 24 replaces card 18, and card 25 card 23, which has no holder; cards 26 to 28 are goodwill, the last undone."""
    desk.does("card", "transfer", "c18", "--to", "c24")
    desk.does("card", "transfer", "c23", "--to", "c25", "--reason", "lost")
    desk.does("card", "rollback", "67", "--amount", "14.98")
    goodwill = ("card", "issue", SPA, "--customer", "dee", "--amount", "15.00", "--reason", "sorry")
    issued = [desk.does(*goodwill)["run_id"] for _ in range(3)]
    desk.does("undo", str(issued[-1]), "--reason", "once too often")


def _pay_out(desk: Desk) -> None:
    """Card 19 is paid out, card 20 stays frozen, card 21 is given back. Booking S5 is paid, S6 and S8 are rejected once."""
    paid, cancelled = (
        desk.does("cashout", "request", card, "--reason", "moved abroad")["cashout"]["id"] for card in ("c19", "c21")
    )
    desk.does("cashout", "cancel", str(cancelled))
    export = ("cashout", "export", "--format", "csv", "--campaign", SPA, "-o")
    desk.does(*export, "pay-1.csv")
    by_booking = {
        debt["booking_id"]: debt["id"] for debt in desk.does("cashout", "list", SPA, "--state", "ordered")["cashouts"]
    }
    said = [(by_booking["S5"], "paid"), (by_booking["S6"], "rejected"), (by_booking["S8"], "rejected"), (paid, "paid")]
    answer = "id,status,reference\n" + "".join(f"{debt},{status},bank {debt}\n" for debt, status in said)
    desk.does("cashout", "settle", desk.writes("answer.csv", answer))
    desk.does(*export, "pay-2.csv")
    desk.does("cashout", "request", "c20", "--reason", "moved abroad")


def _grow_old(desk: Desk) -> None:
    desk.does("load-redemptions", desk.writes("till.csv", TILL_FILE), exits=3)
    desk.does("card", "extend", "--from", desk.writes("extended.csv", EXTENDED))
    desk.does("expire", SPA, now=WINTER)
    for customer in ("hal", "ida"):
        desk.does("customer", "erase", customer, now=WINTER)
    desk.does("card", "extend", "c16", "--until", "2023-10-01", now=WINTER)
