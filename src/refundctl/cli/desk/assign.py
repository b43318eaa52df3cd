"""refundctl card assign: for one card, or each card of a file."""

from refundctl.cli.desk import deeds as take
from refundctl.cli.desk.card_words import tell_done, validity
from refundctl.cli.desk.deeds_by_file import Word, do_to_card_or_file
from refundctl.cli.shell.common import Common, command
from refundctl.cli.shell.rendering import Screen
from refundctl.operations.desk.assign import Assign, Handout
from refundctl.operations.desk.deeds import Answer


@command("card assign", writes=True, short="Give a card without a holder to a customer.")
def assign(
    common: Common,
    card: take.CardOrFile = None,
    customer: take.Customer = None,
    from_file: take.FromFile = None,
    key: take.Key = None,
) -> int:
    """Give a card of the pool, or one that was activated for whoever has it, to a customer.

    A file has a column customer_id, or --customer gives all of its cards to one customer.
    """
    together = Handout() if from_file else None
    return do_to_card_or_file(
        common,
        card,
        from_file,
        [Word("customer_id", "--customer", customer, required=True)],
        lambda said: Assign(said["customer_id"], together),
        _tell_assigned,
        key=key,
        closing=None if together is None else together.close,
    )


def _tell_assigned(out: Screen, answer: Answer) -> None:
    tell_done(out, answer, "assigned", "this customer's already", validity(answer))
