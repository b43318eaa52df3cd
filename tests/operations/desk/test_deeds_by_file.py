"""The sums of what was done to the cards of a file."""

from refundctl.operations.desk.deeds_by_file import summed, summed_by_currency


def test_sums_keep_the_order_in_which_figures_come_first() -> None:
    assert list(summed([{"adjusted": 1}, {"issued": 2, "adjusted": 3}]).items()) == [("adjusted", 4), ("issued", 2)]
    assert summed([]) == {}


def test_currencies_are_never_added_up() -> None:
    found = summed_by_currency([{"EUR": {"paid": 5}}, {"USD": {"paid": 7}}, {"EUR": {"paid": 1, "bonus": 2}}])
    assert found == {"EUR": {"paid": 6, "bonus": 2}, "USD": {"paid": 7}}
