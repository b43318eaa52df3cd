"""refundctl card adjust, issue and transfer: corrections, goodwill, and lost cards."""

from typing import Annotated, Literal

import typer

from refundctl.cli.desk import deeds as take
from refundctl.cli.desk.deeds import Word
from refundctl.cli.shell import arguments as words
from refundctl.cli.shell.common import Common, command
from refundctl.cli.shell.rendering import Screen, amount, plural
from refundctl.domain.basics.errors import UsageError
from refundctl.domain.cards.codes import without_codes
from refundctl.operations.desk.adjust import Adjust, bucket_named, reason_needed
from refundctl.operations.desk.deeds import Answer
from refundctl.operations.desk.goodwill_limits import Giving
from refundctl.operations.desk.issue import Goodwill
from refundctl.operations.desk.issue import issue as issue_card
from refundctl.operations.desk.transfer import Transfer

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

    It needs --reason. A file has the columns amount and reason, and may have bucket. The same file again does nothing, unless it
    has a --key of its own.
    """
    together = Giving() if from_file else None
    return take.do_to_card_or_file(
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


@command("card issue", writes=True, short="Make a goodwill card for a customer.")
def issue(
    common: Common,
    campaign: words.Campaign,
    customer: Annotated[
        str, typer.Option("--customer", metavar="ID", help="The customer's id, as in the bookings' files.")
    ],
    amount: Annotated[str, typer.Option("--amount", metavar="A", help='How much, such as 12.50 or "EUR 12.50".')],
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why, for those who read the books later.")],
    bucket: Annotated[
        Bucket,
        typer.Option("--bucket", help="As what: bonus is never paid out in cash, paid can be."),
    ] = "bonus",
    key: take.Key = None,
) -> int:
    """Make a goodwill card for a customer the ledger knows, within the campaign's budget and approval.

    The next mail file has it. `refundctl undo RUN_ID` takes back what is unspent of it.
    """
    goodwill = Goodwill(campaign, customer, amount, reason_needed(without_codes(reason)), bucket)
    with take.desk_ledger(common) as (ledger, journal):
        answer = issue_card(ledger, journal, goodwill, key=take.key_given(ledger, key), keep=not common.dry_run)
    return take.tell_answer(common, answer, _tell_issued)


def _tell_issued(out: Screen, answer: Answer) -> None:
    card = answer.facts["card"]
    until = _until(card["expires_on"])
    out.print(
        f"Issued card {card['card_id']} ({card['code']}) with {amount(card['balance'], card['currency'])}, {until}; the next "
        f"`refundctl export mail {answer.campaign}` tells its holder."
    )
    if answer.run_id is not None:
        out.print(f"Run {answer.run_id}: `refundctl undo {answer.run_id}` takes back what is unspent of it.")


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
    if card == to == take.STDIN:
        raise UsageError("- (stdin) can be the code of one card only: name the other by its card_id.")
    target = None if to is None else take.card_named(to)
    deed = Transfer(target, without_codes(reason))
    return take.do_to_card(common, card, deed, _tell_transferred, key=key)


def _tell_transferred(out: Screen, answer: Answer) -> None:
    lost, found = answer.facts["from"], answer.facts["card"]
    [(currency, moved)] = answer.totals.items()
    bonus = f" ({amount(moved['bonus'], currency)} of it bonus)" if moved["bonus"] else ""
    out.print(
        f"Moved {amount(moved['moved'], currency)}{bonus} from card {lost['card_id']}, which is dead now, to card "
        f"{found['card_id']} ({found['code']}), {_until(found['expires_on'])}."
    )


def _until(last_day: str | None) -> str:
    return "which never expires" if last_day is None else f"valid through {last_day}"
