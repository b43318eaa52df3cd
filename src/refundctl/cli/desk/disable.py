"""refundctl card disable, enable and deactivate: for one card, or each card of a file."""

from collections.abc import Callable

from refundctl.cli.desk import deeds as take
from refundctl.cli.desk.card_words import card_of, tell_done
from refundctl.cli.desk.deeds_by_file import Word, do_to_card_or_file
from refundctl.cli.shell.common import Common, command
from refundctl.cli.shell.rendering import Screen, amount
from refundctl.cli.shell.wording import in_words
from refundctl.domain.cards.codes import without_codes
from refundctl.operations.desk.deeds import CardDeed
from refundctl.operations.desk.disable import Deactivate, Disable, Enable
from refundctl.operations.desk.kept_answers import Answer


def _register(name: str, deed: Callable[[str | None], CardDeed], tell: take.Tell, *, short: str, told: str) -> None:
    """Register the command for a deed of which only the reason is asked; `told` is what its help says."""

    def do(
        common: Common,
        card: take.CardOrFile = None,
        reason: take.Reason = None,
        from_file: take.FromFile = None,
        key: take.Key = None,
    ) -> int:
        words = [Word("reason", "--reason", without_codes(reason))]
        return do_to_card_or_file(
            common, card, from_file, words, lambda said: deed(without_codes(said["reason"])), tell, key=key
        )

    do.__doc__ = f"{told}\n\nA file may have a column reason."
    command(f"card {name}", writes=True, short=short)(do)


def _tell_enabled(out: Screen, answer: Answer) -> None:
    state = card_of(answer).get("state", "active")
    tell_done(out, answer, "enabled", "not disabled", "" if state == "active" else f", which is {in_words(state)}")


def _tell_deactivated(out: Screen, answer: Answer) -> None:
    card = card_of(answer)
    left = f", with {amount(card['balance'], card['currency'])} on it" if card.get("balance") else ""
    tell_done(out, answer, "deactivated", "deactivated already", left)


_register(
    "disable",
    Disable,
    lambda out, answer: tell_done(out, answer, "disabled", "disabled already"),
    short="Block a card for now.",
    told="Block a card for now, as where it is stolen or disputed: nothing can be bought with it until it is enabled.",
)
_register(
    "enable",
    Enable,
    _tell_enabled,
    short="Let a disabled card be used again.",
    told="Let a disabled card be used again.",
)
_register(
    "deactivate",
    Deactivate,
    _tell_deactivated,
    short="Block a card for good.",
    told="Block a card for good: nothing is ever bought with it again. Its balance stays on it, and in the books.",
)
