"""refundctl card transfer: lost cards."""

from typing import Annotated

import typer

from refundctl.cli.desk import deeds as take
from refundctl.cli.desk.card_words import bonus_of_it, until
from refundctl.cli.desk.typed_secrets import STDIN
from refundctl.cli.shell.common import Common, command
from refundctl.cli.shell.rendering import Screen, amount
from refundctl.domain.basics.errors import UsageError
from refundctl.domain.cards.codes import without_codes
from refundctl.operations.desk.kept_answers import Answer
from refundctl.operations.desk.transfer import Transfer


@command("card transfer", writes=True, short="Move the balance of a lost card to another one.")
def transfer(
    common: Common,
    card: take.CardName,
    to: Annotated[
        str | None,
        typer.Option(
            "--to",
            metavar="CARD",
            help="The card that takes it: of the pool, or the holder's own (default: a new one).",
        ),
    ] = None,
    reason: take.Reason = None,
    key: take.Key = None,
) -> int:
    """Move the whole balance of a card to another one of its holder, as when it was lost: the old one is dead then.

    Bonus stays bonus, and the new card is valid for as long. The next mail file has it.
    """
    if card == to == STDIN:
        raise UsageError("- (stdin) can be the code of one card only: name the other by its card_id.")
    target = None if to is None else take.card_named(to)
    deed = Transfer(target, without_codes(reason))
    return take.do_to_card(common, card, deed, _tell_transferred, key=key)


def _tell_transferred(out: Screen, answer: Answer) -> None:
    lost, found = answer.facts["from"], answer.facts["card"]
    [(currency, moved)] = answer.totals.items()
    bonus = bonus_of_it(moved["bonus"], currency)
    out.print(
        f"Moved {amount(moved['moved'], currency)}{bonus} from card {lost['card_id']}, which is dead now, to card "
        f"{found['card_id']} ({found['code']}), {until(found['expires_on'])}."
    )
