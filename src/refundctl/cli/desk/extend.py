"""refundctl card extend: for one card, or each card of a file."""

from typing import Annotated

import typer

from refundctl.cli.desk import deeds as take
from refundctl.cli.desk.card_words import tell_done, validity
from refundctl.cli.desk.deeds_by_file import Word, do_to_card_or_file
from refundctl.cli.shell.common import Common, command
from refundctl.operations.desk.extend import Extend, day_named

Until = Annotated[
    str | None, typer.Option("--until", metavar="DATE", help="The new last valid day, such as 2021-12-31.")
]


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
    return do_to_card_or_file(
        common,
        card,
        from_file,
        [Word("until", "--until", until, required=True)],
        lambda said: Extend(day_named(said["until"])),
        lambda out, answer: tell_done(out, answer, "extended", "valid through that day already", validity(answer)),
        key=key,
    )
