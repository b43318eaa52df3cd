"""refundctl card issue: goodwill."""

from typing import Annotated

import typer

from refundctl.cli.desk import deeds as take
from refundctl.cli.desk.adjust import Bucket
from refundctl.cli.desk.card_words import until
from refundctl.cli.shell import arguments as words
from refundctl.cli.shell.common import Common, command
from refundctl.cli.shell.rendering import Screen, amount
from refundctl.domain.cards.codes import without_codes
from refundctl.operations.desk.adjust import reason_needed
from refundctl.operations.desk.issue import Goodwill
from refundctl.operations.desk.issue import issue as issue_card
from refundctl.operations.desk.kept_answers import Answer


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
        Bucket, typer.Option("--bucket", help="As what: bonus is never paid out in cash, paid can be.")
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
    out.print(
        f"Issued card {card['card_id']} ({card['code']}) with {amount(card['balance'], card['currency'])}, "
        f"{until(card['expires_on'])}; the next `refundctl export mail {answer.campaign}` tells its holder."
    )
    if answer.run_id is not None:
        out.print(f"Run {answer.run_id}: `refundctl undo {answer.run_id}` takes back what is unspent of it.")
