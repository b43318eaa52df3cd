"""What was given and what was probably meant."""

import pytest
from pydantic import ValidationError

from refundctl.domain.basics.definition_mistakes import (
    Mistake,
    MistakesFound,
    did_you_mean,
    folded,
    on_one_line,
    placed,
    shown,
)


@pytest.mark.parametrize(
    ("word", "answer"),
    [
        ("curency", "; did you mean `currency`?"),
        ("CURRENCY", "; did you mean `currency`?"),
        ("time_zone", "; did you mean `timezone`?"),
        ("colour", ""),
        ("", ""),
    ],
)
def test_the_nearest_choice_is_proposed(word: str, answer: str) -> None:
    assert did_you_mean(word, ["currency", "timezone"]) == answer


def test_what_is_shown_stays_on_one_line_and_short() -> None:
    assert shown("a\nb\x1b[31m") == r"`a\nb\x1b[31m`"
    assert shown(12) == "`12`"
    assert shown("x" * 40) == f"`{'x' * 40}`"
    assert shown("x" * 41) == f"`{'x' * 37}...`"
    assert on_one_line("tab\tand \u2028 line") == r"tab\tand \u2028 line"


def test_texts_compare_trimmed_and_without_case() -> None:
    assert folded("  Straße\u00a0") == folded("STRASSE")
    assert folded("a b") != folded("ab")


def test_mistakes_keep_their_places_in_the_error_of_pydantic() -> None:
    mistake = Mistake(("min",), "a {sentence} with {braces}", at_key=True).below("order_amount")

    with pytest.raises(ValidationError) as found:
        raise placed([mistake])

    (error,) = found.value.errors()
    assert error["loc"] == ("order_amount", "min")
    assert error["ctx"] == {"sentence": "a {sentence} with {braces}", "at_key": True}


def test_several_mistakes_make_one_sentence_for_those_who_print_it() -> None:
    assert str(MistakesFound([Mistake((), "one"), Mistake(("a",), "two")])) == "one; two"
