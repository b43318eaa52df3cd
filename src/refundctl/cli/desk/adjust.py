"""refundctl card adjust: for one card, or each card of a file."""

from typing import Annotated, Literal

import typer

from refundctl.cli.desk import deeds as take
from refundctl.cli.desk.deeds_by_file import Word, do_to_card_or_file
from refundctl.cli.shell.common import Common, command
from refundctl.cli.shell.rendering import Screen, amount, plural
from refundctl.domain.cards.codes import without_codes
from refundctl.operations.desk.adjust import Adjust, bucket_named, reason_needed
from refundctl.operations.desk.goodwill_limits import Giving
from refundctl.operations.desk.kept_answers import Answer

Bucket = Literal["paid", "bonus"]


@command("card adjust", writes=True, short="Correct the balance of a card.")
def adjust(
    common: Common,
    card: take.CardOrFile = None,
    amount: Annotated[
        str | None, typer.Option("--amount", metavar="A", help="How much more or, as -12.50, less is on it.")
    ] = None,
    reason: take.Reason = None,
    bucket: Annotated[
        Bucket | None,
        typer.Option("--bucket", help="Where it goes (default: paid) or comes from (default: paid, then bonus)."),
    ] = None,
    from_file: take.FromFile = None,
    key: take.Key = None,
) -> int:
    """Correct the balance of a card: upwards within the campaign's budget and approval, or downwards.

    It needs --reason. A file has the columns amount and reason, and may have bucket. The same file again does nothing,
    unless it has a --key of its own.
    """
    together = Giving() if from_file else None
    return do_to_card_or_file(
        common,
        card,
        from_file,
        [
            Word("amount", "--amount", amount, required=True),
            Word("reason", "--reason", without_codes(reason), required=True),
            Word("bucket", "--bucket", bucket),
        ],
        lambda said: Adjust(
            said["amount"], reason_needed(without_codes(said["reason"])), bucket_named(said["bucket"]), together
        ),
        _tell_adjusted,
        key=key,
        once_per_file=True,
        closing=None if together is None else together.close,
    )


def _tell_adjusted(out: Screen, answer: Answer) -> None:
    for currency, totals in answer.totals.items():
        change = _signed(totals["adjusted"], currency)
        if "cards" in answer.facts:
            out.print(f"Adjusted {plural(answer.counts['adjusted'], 'card')} by {change} together.")
        else:
            card = answer.facts["card"]
            bonus = f" ({_signed(totals['bonus'], currency)} of it bonus)" if totals["bonus"] else ""
            out.print(
                f"Adjusted card {card['card_id']} by {change}{bonus}; it now holds {amount(card['balance'], currency)}."
            )


def _signed(minor: int, currency: str) -> str:
    return f"{'-' if minor < 0 else '+'}{amount(abs(minor), currency)}"
