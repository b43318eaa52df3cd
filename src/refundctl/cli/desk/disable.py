"""refundctl card disable, enable and deactivate: for one card, or each card of a file."""

from refundctl.cli.desk import deeds as take
from refundctl.cli.desk.card_words import card_of, tell_done
from refundctl.cli.desk.deeds_by_file import do_with_reason
from refundctl.cli.shell.common import Common, command
from refundctl.cli.shell.rendering import Screen, amount
from refundctl.cli.shell.wording import in_words
from refundctl.operations.desk.disable import Deactivate, Disable, Enable
from refundctl.operations.desk.kept_answers import Answer


@command("card disable", writes=True, short="Block a card for now.")
def disable(
    common: Common,
    card: take.CardOrFile = None,
    reason: take.Reason = None,
    from_file: take.FromFile = None,
    key: take.Key = None,
) -> int:
    """Block a card for now, as where it is stolen or disputed: nothing can be bought with it until it is enabled.

    A file may have a column reason.
    """
    return do_with_reason(common, card, from_file, reason, Disable, _tell_disabled, key=key)


def _tell_disabled(out: Screen, answer: Answer) -> None:
    tell_done(out, answer, "disabled", "disabled already")


@command("card enable", writes=True, short="Let a disabled card be used again.")
def enable(
    common: Common,
    card: take.CardOrFile = None,
    reason: take.Reason = None,
    from_file: take.FromFile = None,
    key: take.Key = None,
) -> int:
    """Let a disabled card be used again.

    A file may have a column reason.
    """
    return do_with_reason(common, card, from_file, reason, Enable, _tell_enabled, key=key)


def _tell_enabled(out: Screen, answer: Answer) -> None:
    state = card_of(answer).get("state", "active")
    tell_done(out, answer, "enabled", "not disabled", "" if state == "active" else f", which is {in_words(state)}")


@command("card deactivate", writes=True, short="Block a card for good.")
def deactivate(
    common: Common,
    card: take.CardOrFile = None,
    reason: take.Reason = None,
    from_file: take.FromFile = None,
    key: take.Key = None,
) -> int:
    """Block a card for good: nothing is ever bought with it again. Its balance stays on it, and in the books.

    A file may have a column reason.
    """
    return do_with_reason(common, card, from_file, reason, Deactivate, _tell_deactivated, key=key)


def _tell_deactivated(out: Screen, answer: Answer) -> None:
    card = card_of(answer)
    left = f", with {amount(card['balance'], card['currency'])} on it" if card.get("balance") else ""
    tell_done(out, answer, "deactivated", "deactivated already", left)
