"""The header of any table."""

from refundctl.files.tables.headers import likely_delimiter


def test_a_delimiter_is_likely_where_it_makes_names_that_are_looked_for() -> None:
    assert likely_delimiter("a,b,c,d,e;Order #;Email\n", ["order #", "email"]) == ";"
    assert likely_delimiter("a,b,c;d\n", []) == ","
