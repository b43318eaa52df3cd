"""refundctl card activate and assign: for one card, or each card of a file."""

from refundctl.cli.desk import deeds as take
from refundctl.cli.desk.card_words import tell_done, validity
from refundctl.cli.desk.deeds_by_file import Word, do_to_card_or_file
from refundctl.cli.shell.common import Common, command
from refundctl.operations.desk.activate import Activate, Assign, Handout


@command("card activate", writes=True, short="Activate a printed card, for whoever has it or a customer.")
def activate(
    common: Common,
    card: take.CardOrFile = None,
    customer: take.Customer = None,
    from_file: take.FromFile = None,
    key: take.Key = None,
) -> int:
    """Activate a card of the pool, as when it is sold or handed over: its validity begins today.

    With --customer it gets a holder too. A file may have a column customer_id, blank for cards of whoever has them.
    """
    together = Handout() if from_file else None
    return do_to_card_or_file(
        common,
        card,
        from_file,
        [Word("customer_id", "--customer", customer)],
        lambda said: Activate(said["customer_id"] or None, together),
        lambda out, answer: tell_done(out, answer, "activated", "alive already", validity(answer)),
        key=key,
        closing=None if together is None else together.close,
    )


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
        lambda out, answer: tell_done(out, answer, "assigned", "this customer's already", validity(answer)),
        key=key,
        closing=None if together is None else together.close,
    )
