"""Countries as a file may write them."""

import pytest

from refundctl.domain.basics.countries import country_code


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("PL", "PL"),
        ("pl", "PL"),
        ("US-ME", "US-ME"),
        ("us-me", "US-ME"),
        ("GB-ENG", "GB-ENG"),
        ("PRT", "PT"),
        ("usa", "US"),
        ("DEU", "DE"),
        # East Timor until 2002; hotels still write it.
        ("TMP", "TL"),
    ],
)
def test_a_country_has_two_letters_whatever_the_file_writes(text: str, code: str) -> None:
    assert country_code(text) == code


@pytest.mark.parametrize("text", ["", "P", "XXX", "Poland", "US-", "US_ME", "US-MAINE", "12", "ＰＬ", "\u017fe"])
def test_other_texts_are_no_country(text: str) -> None:
    assert country_code(text) is None
