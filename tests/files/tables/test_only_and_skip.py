"""Which rows a source wants."""

from refundctl.files.tables.only_and_skip import AnyCase


def test_texts_are_found_without_case_and_white_space() -> None:
    wanted = AnyCase(["Paid", "straße", ""])
    assert [text in wanted for text in ["paid", "\u00a0PAID\ufeff", "STRASSE", " ", "paid?", 1]] == [
        True, True, True, True, False, False,
    ]  # fmt: skip
