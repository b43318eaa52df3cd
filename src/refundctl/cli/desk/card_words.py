"""Cards and what was done to them, in the words that the desk's commands share."""

from collections.abc import Mapping
from typing import Any

from refundctl.cli.shell.rendering import Screen, amount, plural
from refundctl.operations.desk.kept_answers import Answer

Facts = Mapping[str, Any]


def balance(facts: Facts) -> str:
    """What lies on a card, and how much of it is bonus."""
    bonus = f", of it {amount(facts['bonus'], facts['currency'])} bonus" if facts["bonus"] else ""
    return amount(facts["balance"], facts["currency"]) + bonus


def bonus_of_it(minor: int, currency: str) -> str:
    """How much of an amount is bonus, in brackets behind it; blank where nothing is."""
    return f" ({amount(minor, currency)} of it bonus)" if minor else ""


def totals(facts: Facts) -> dict[str, dict[str, int]]:
    """What lies on a card, as totals stand in JSON."""
    return {facts["currency"]: {name: facts[name] for name in ("balance", "paid", "bonus")}}


def tell_done(out: Screen, answer: Answer, count: str, so_already: str, now: str = "") -> None:
    """Say what was done: `count` names it, `so_already` why there may be nothing to do; `now` how one card stands."""
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


def validity(answer: Answer) -> str:
    """Until when a card is valid, in words."""
    return f", {until(card_of(answer).get('expires_on'))}"


def card_of(answer: Answer) -> Mapping[str, Any]:
    """The card that something was done to; blank where it was done to each of a file."""
    found: Mapping[str, Any] = answer.facts.get("card", {})
    return found


def until(last_day: str | None) -> str:
    """Until when a card is valid."""
    return "which never expires" if last_day is None else f"valid through {last_day}"
