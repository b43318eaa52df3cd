"""refundctl card activate, assign, disable, enable, deactivate and extend: for one card, or each card of a file."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from refundctl.cli.desk import deeds as take
from refundctl.cli.desk.deeds import Word
from refundctl.cli.shell.common import Common, command
from refundctl.cli.shell.rendering import Screen, amount, plural
from refundctl.domain.cards.codes import without_codes
from refundctl.operations.desk import activate as deeds
from refundctl.operations.desk.deeds import Answer

Until = Annotated[
    str | None, typer.Option("--until", metavar="DATE", help="The new last valid day, such as 2021-12-31.")
]


@command("card activate", writes=True, short="Bring a printed card to life, for whoever has it or a customer.")
def activate(
    common: Common,
    card: take.CardOrFile = None,
    customer: take.Customer = None,
    from_file: take.FromFile = None,
    key: take.Key = None,
) -> int:
    """Bring a card of the pool to life, as when it is sold or handed over: its validity begins today.

    With --customer it gets a holder too. A file may have a column customer_id, blank for cards of whoever has them.
    """
    together = deeds.Handout() if from_file else None
    return take.do_to_card_or_file(
        common,
        card,
        from_file,
        [Word("customer_id", "--customer", customer)],
        lambda words: deeds.Activate(words["customer_id"] or None, together),
        _tell_activated,
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
    together = deeds.Handout() if from_file else None
    return take.do_to_card_or_file(
        common,
        card,
        from_file,
        [Word("customer_id", "--customer", customer, required=True)],
        lambda words: deeds.Assign(words["customer_id"], together),
        _tell_assigned,
        key=key,
        closing=None if together is None else together.close,
    )


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
    return take.do_to_card_or_file(
        common,
        card,
        from_file,
        [_reason(reason)],
        lambda words: deeds.Disable(without_codes(words["reason"])),
        _tell_disabled,
        key=key,
    )


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
    return take.do_to_card_or_file(
        common,
        card,
        from_file,
        [_reason(reason)],
        lambda words: deeds.Enable(without_codes(words["reason"])),
        _tell_enabled,
        key=key,
    )


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
    return take.do_to_card_or_file(
        common,
        card,
        from_file,
        [_reason(reason)],
        lambda words: deeds.Deactivate(without_codes(words["reason"])),
        _tell_deactivated,
        key=key,
    )


@command("card extend", writes=True, short="Give a card a later last valid day.")
def extend(
    common: Common,
    card: take.CardOrFile = None,
    until: Until = None,
    from_file: take.FromFile = None,
    key: take.Key = None,
) -> int:
    """Give a card a later last valid day; one that has expired is revived, unless its balance was booked as expired.

    A file has a column until, or --until is the day of all of its cards.
    """
    return take.do_to_card_or_file(
        common,
        card,
        from_file,
        [Word("until", "--until", until, required=True)],
        lambda words: deeds.Extend(deeds.day_named(words["until"])),
        _tell_extended,
        key=key,
    )


def _reason(text: str | None) -> Word:
    return Word("reason", "--reason", without_codes(text))


def _tell(out: Screen, answer: Answer, count: str, so_already: str, now: str = "") -> None:
    """`count` names what was done, `so_already` why there may have been nothing to do; `now` is how one card stands."""
    done = answer.counts.get(count, 0)  # a file may have no rows
    if "cards" not in answer.facts:
        card_id = answer.facts["card"]["card_id"]
        out.print(
            f"{count.title()} card {card_id}{now}." if done else f"Card {card_id} is {so_already}. Nothing to do."
        )
        return
    out.print(f"{count.title()} {plural(done, 'card')}.")
    rest = answer.counts["rows"] - done
    if rest:
        out.print(f"Nothing to do for {plural(rest, 'card')}, {so_already}.")


def _validity(answer: Answer) -> str:
    """Until when a card is valid, in words."""
    last_day = _card(answer).get("expires_on")
    return ", which never expires" if last_day is None else f", valid through {last_day}"


def _card(answer: Answer) -> Mapping[str, Any]:
    found: Mapping[str, Any] = answer.facts.get("card", {})
    return found


def _tell_activated(out: Screen, answer: Answer) -> None:
    _tell(out, answer, "activated", "alive already", _validity(answer))


def _tell_assigned(out: Screen, answer: Answer) -> None:
    _tell(out, answer, "assigned", "this customer's already", _validity(answer))


def _tell_disabled(out: Screen, answer: Answer) -> None:
    _tell(out, answer, "disabled", "disabled already")


def _tell_enabled(out: Screen, answer: Answer) -> None:
    state = _card(answer).get("state")
    _tell(out, answer, "enabled", "not disabled", "" if state == "active" else f", which is {state}")


def _tell_deactivated(out: Screen, answer: Answer) -> None:
    card = _card(answer)
    left = f", with {amount(card['balance'], card['currency'])} on it" if card.get("balance") else ""
    _tell(out, answer, "deactivated", "deactivated already", left)


def _tell_extended(out: Screen, answer: Answer) -> None:
    _tell(out, answer, "extended", "valid through that day already", _validity(answer))
