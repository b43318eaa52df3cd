"""refundctl card deactivate: for one card, or each card of a file."""

from refundctl.cli.desk import deeds as take
from refundctl.cli.desk.card_words import card_of, tell_done
from refundctl.cli.desk.deeds_by_file import do_with_reason
from refundctl.cli.shell.common import Common, command
from refundctl.cli.shell.rendering import Screen, amount
from refundctl.operations.desk.deactivate import Deactivate
from refundctl.operations.desk.deeds import Answer


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
