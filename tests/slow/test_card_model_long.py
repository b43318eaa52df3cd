"""A hundred thousand steps of tests/operations/desk/test_card_model.py, and whether they came by every refusal."""

import sys

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from support.models.card_machine import CardMachine

pytestmark = pytest.mark.slow

STEPS = 100_000
# Later examples are often like earlier ones: many short runs come by more than a long one.
LONG = settings(
    max_examples=12,
    stateful_step_count=100,
    deadline=None,
    derandomize=False,
    database=None,
    phases=[Phase.generate, Phase.shrink],
    suppress_health_check=list(HealthCheck),
)

REFUSALS = {
    "already_rolled_back",
    "approval_required",
    "budget_exceeded",
    "campaign_paused",
    "currency_mismatch",
    "customer_rules_violated",
    "gift_amount_exceeded",
    "idempotency_conflict",
    "invoice_already_used",
    "invoice_required",
    "no_voucher_suitable_for_publication",
    "not_cancellable",
    "not_undoable",
    "order_rules_violated",
    "outside_validity_timeframe",
    "pin_required",
    "pin_wrong",
    "quantity_exceeded",
    "resource_not_found",
    "rollback_exceeds_redemption",
    "rows_refused",
    "voucher_disabled",
    "voucher_expired",
    "voucher_locked",
    "voucher_not_active",
}


def test_a_hundred_thousand_steps(capsys: pytest.CaptureFixture[str]) -> None:
    outcomes = CardMachine.outcomes
    outcomes.clear()
    while outcomes.total() < STEPS:
        run_state_machine_as_test(CardMachine, settings=LONG)
    told = (f"  {command}: {outcome} {count:,}" for (command, outcome), count in sorted(outcomes.items()))
    with capsys.disabled():
        sys.stdout.write("\n".join(["", *told, f"{outcomes.total():,} steps", ""]))
    assert {outcome for _, outcome in outcomes} >= REFUSALS
