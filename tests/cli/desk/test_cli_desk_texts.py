"""What the desk is told when a rule says no, letter by letter: every refusal of the commands about single cards.

The text is in tests/golden/desk-refusals.txt. A case more is a line in CASES, under its command; then pytest --update-golden
tests/cli/desk/test_cli_desk_texts.py, and read the diff.
"""

import getpass
import shlex
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from support.desks.till import MAY_DAY, Till
from support.golden_text import Golden

PIN_FILES = {"pin.txt": "2580\n", "wrong.txt": "0852\n"}
PRINTED = {"printed.csv": "code\nK7QD-0O1I-9RTL-4HCN-P\n"}
TEN = "card redeem c1 --amount 10"
BY_HOLDER = f"{TEN} --customer C-B1"
REDEEM = f"{BY_HOLDER} --invoice INV-1"
AGAIN = f"{BY_HOLDER} --invoice INV-2"
WRONG_PIN = f"{REDEEM} --pin-file wrong.txt"
SET_PIN = "card set-pin c1 --pin-file pin.txt"
POOL = {"type": "STATIC", "vouchers_count": 2}
WEEKEND = {"validity_day_of_week": [0, 6]}
MORNING = {"validity_hours": {"daily": [{"start_time": "09:00", "expiration_time": "12:30"}]}}


@dataclass(frozen=True, slots=True)
class Case:
    """A command that is refused with `code`.

    Card c1 of C-B1 holds EUR 100.00 paid and 30.00 bonus; `keys` are those of its campaign. `before` are the commands typed
    before, which are not shown. In `files` are further files of the folder.
    """

    title: str
    code: str
    command: str
    keys: Mapping[str, Any] = field(default_factory=dict)
    before: tuple[str, ...] = ()
    files: Mapping[str, str] = field(default_factory=dict)
    now: str = MAY_DAY


def times(count: int) -> dict[str, object]:
    """How often a card may be redeemed, as a campaign says it."""
    return {"voucher": {"redemption": {"quantity": count}}}


CASES = [
    # --- card redeem ---
    Case("No such card", "resource_not_found", "card redeem c9 --amount 10"),
    Case("A code that no card has", "resource_not_found", "card redeem RF-2222-3333-4444-5555 --amount 10"),
    Case(
        "A code with O for 0",
        "resource_not_found",
        "card redeem K7QD-OO1I-9RTL-4HCN-P --amount 10",
        before=("create flight-refunds --codes printed.csv",),
        files=PRINTED,
    ),
    Case("Another currency", "currency_mismatch", "card redeem c1 --amount 'USD 10'"),
    Case("A paused campaign", "campaign_paused", REDEEM, before=("pause flight-refunds --reason 'stolen codes'",)),
    Case("A card of the pool", "voucher_not_active", "card redeem c2 --amount 10", keys=POOL),
    Case("Before the campaign starts", "voucher_not_active", REDEEM, keys={"start_date": "2020-06-01"}),
    Case("Blocked for good", "voucher_not_active", REDEEM, before=("card deactivate c1",)),
    Case("A card that was replaced", "voucher_not_active", REDEEM, before=("card transfer c1",)),
    Case("Blocked for now", "voucher_disabled", REDEEM, before=("card disable c1",)),
    Case("To be paid in cash", "voucher_disabled", REDEEM, before=("cashout request c1 --reason 'wants cash'",)),
    Case("After the last day", "voucher_expired", REDEEM, now="2021-05-01T22:00:00Z"),
    Case("After five wrong PINs", "voucher_locked", REDEEM, before=(SET_PIN, *[WRONG_PIN] * 5)),
    Case("On another day", "outside_validity_timeframe", REDEEM, keys=WEEKEND),
    Case("At another hour", "outside_validity_timeframe", REDEEM, keys=MORNING),
    Case("On another day and at another hour", "outside_validity_timeframe", REDEEM, keys={**WEEKEND, **MORNING}),
    Case("Nobody is named", "customer_rules_violated", f"{TEN} --invoice INV-1"),
    Case("Somebody else buys", "customer_rules_violated", f"{TEN} --invoice INV-1 --customer C-B2"),
    Case(
        "A card without a holder",
        "customer_rules_violated",
        "card redeem c2 --amount 10",
        keys=POOL,
        before=("card activate c2",),
    ),
    Case("No PIN", "pin_required", REDEEM, before=(SET_PIN,)),
    Case("A wrong PIN", "pin_wrong", WRONG_PIN, before=(SET_PIN,)),
    Case("The fifth wrong PIN", "pin_wrong", WRONG_PIN, before=(SET_PIN, *[WRONG_PIN] * 4)),
    Case("No invoice", "invoice_required", BY_HOLDER),
    Case("An invoice again", "invoice_already_used", REDEEM, before=(REDEEM,)),
    Case("An order without a total", "order_rules_violated", REDEEM, keys={"minimum_order": "50.00"}),
    Case(
        "Too small an order", "order_rules_violated", f"{REDEEM} --order-total 49.99", keys={"minimum_order": "50.00"}
    ),
    Case("More than the order", "order_rules_violated", f"{REDEEM} --order-total 9.99"),
    Case("A card for one purchase", "quantity_exceeded", AGAIN, keys=times(1), before=(REDEEM,)),
    Case(
        "A card for two purchases",
        "quantity_exceeded",
        f"{BY_HOLDER} --invoice INV-3",
        keys=times(2),
        before=(REDEEM, AGAIN),
    ),
    Case(
        "More than the card holds",
        "gift_amount_exceeded",
        "card redeem c1 --amount 1300 --customer C-B1 --invoice INV-1",
    ),
    Case(
        "An empty card",
        "gift_amount_exceeded",
        AGAIN,
        before=("card redeem c1 --amount 130 --customer C-B1 --invoice INV-1",),
    ),
    Case("A key again", "idempotency_conflict", f"{AGAIN} --key till-1/42", before=(f"{REDEEM} --key till-1/42",)),
]


def test_refusals_at_the_desk(tmp_path: Path, golden: Golden) -> None:
    golden("desk-refusals", "".join(_told(case, tmp_path / str(at)) for at, case in enumerate(CASES)))


def _told(case: Case, folder: Path) -> str:
    """Title, code, command and what it says, which is what the attempt has been kept with."""
    folder.mkdir()
    till = Till(folder).open(bonus="30.00", **case.keys)
    for name, content in {**PIN_FILES, **case.files}.items():
        (folder / name).write_text(content, encoding="utf-8")
    for command in case.before:
        assert till.call(*shlex.split(command)).exit in {0, 4}, command
    result = till.call(*shlex.split(case.command), now=case.now)
    *_, (_, code, message, _) = till.attempts()
    assert (result.exit, result.stdout, result.stderr, code) == (4, "", f"Error: {message}\n", case.code)
    said = result.stderr.replace(f"{getpass.getuser()}@{socket.gethostname()}", "operator@host")
    return f"# {case.title}: {case.code}\n$ refundctl {case.command}\n{said}\n"


def test_each_case_has_a_title_of_its_own() -> None:
    titles = [(case.command.split()[:2], case.title) for case in CASES]

    assert [title for title in titles if titles.count(title) > 1] == []


@pytest.mark.parametrize(
    "code",
    [
        "resource_not_found",
        "voucher_not_active",
        "voucher_disabled",
        "voucher_expired",
        "voucher_locked",
        "campaign_paused",
        "gift_amount_exceeded",
        "quantity_exceeded",
        "customer_rules_violated",
        "invoice_already_used",
        "invoice_required",
        "order_rules_violated",
        "pin_required",
        "pin_wrong",
        "currency_mismatch",
        "outside_validity_timeframe",
        "idempotency_conflict",
    ],
)
def test_every_way_to_refuse_a_redemption_has_a_case(code: str) -> None:
    assert code in {case.code for case in CASES if case.command.startswith("card redeem")}
