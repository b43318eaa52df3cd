"""refundctl card rollback: giving redemptions back."""

from typing import Annotated

import typer

from refundctl.cli.desk import deeds as take
from refundctl.cli.desk.card_words import bonus_of_it
from refundctl.cli.shell import arguments as words
from refundctl.cli.shell.common import Common, command
from refundctl.cli.shell.rendering import Screen, amount
from refundctl.operations.desk import rollback as operation
from refundctl.operations.desk.kept_answers import Answer


@command("card rollback", writes=True, short="Give a redemption back, in whole or part.")
def rollback(
    common: Common,
    transaction: Annotated[
        str, typer.Argument(metavar="TRANSACTION", help="The number of the redemption, or of any transaction of it.")
    ],
    amount: Annotated[
        str | None, typer.Option("--amount", metavar="A", help="How much of it, such as 12.50 (default: all).")
    ] = None,
    reason: words.Reason = None,
    key: take.Key = None,
) -> int:
    """Give a redemption back, once, in whole or part: to the buckets it was taken from, never more than was taken.

    Where the card was replaced since, the money goes to the card that replaces it. The invoice number stays used.
    """
    with take.desk_ledger(common) as (ledger, journal):
        answer = operation.rollback(
            ledger,
            journal,
            transaction,
            amount=amount,
            reason=words.reason_given(reason),
            key=take.key_given(ledger, key),
            keep=not common.dry_run,
        )
    return take.tell_answer(common, answer, _tell_rollback)


def _tell_rollback(out: Screen, answer: Answer) -> None:
    back, card = answer.facts["rollback"], answer.facts["card"]
    currency = back["currency"]
    bonus = bonus_of_it(back["bonus"], currency)
    out.print(
        f"Gave {amount(back['amount'], currency)}{bonus} of redemption {back['redemption']} back to card "
        f"{card['card_id']}, which now holds {amount(card['balance'], currency)}."
    )
