"""The figures of a campaign: given, spent and left add up."""

from refundctl.ledger.reading.campaign_figures import campaign_figures
from refundctl.ledger.undo.undone_credits import take_back
from refundctl.ledger.undo.undone_runs import note_undoings
from support.desks.funded_desk import FundedDesk


def test_given_less_spent_is_what_is_left(desk: FundedDesk) -> None:
    found = campaign_figures(desk.connection, 1, "2020-06-01")
    assert (found.published, found.funded, found.unreachable, found.not_handed_over) == (3, 3, 1, 1)
    assert (found.paid_minor, found.bonus_minor, found.cash_minor, found.fee_minor) == (160_00, 5_00, 20_00, 0)
    assert (found.redeemed_minor, found.outstanding_minor, found.expired_minor) == (25_00, 140_00, 0)
    assert (found.cash_debts_open, found.states, found.open_batches) == (1, {}, [])


def test_the_day_after_the_last_valid_one_all_that_is_left_has_expired(desk: FundedDesk) -> None:
    [(last_day,)] = desk.read("SELECT max(expires_on) FROM card_expiries")
    assert campaign_figures(desk.connection, 1, last_day).outstanding_minor == 140_00
    later = campaign_figures(desk.connection, 1, "9999-12-31")
    assert (later.outstanding_minor, later.expired_minor, later.next_expiry) == (0, 140_00, None)


def test_what_was_undone_was_never_given(desk: FundedDesk) -> None:
    topup = desk.step("topup")
    note_undoings(desk.connection, [topup], None, desk.run_id)
    take_back(desk.connection, topup, None, desk.run_id)
    found = campaign_figures(desk.connection, 1, "2020-06-01")
    assert (found.funded, found.paid_minor, found.bonus_minor, found.cash_minor) == (0, 25_00, 0, 0)
    assert (found.redeemed_minor, found.outstanding_minor) == (25_00, 0)
