"""What a rejects file says of a row, read back."""

from refundctl.files.tables.reject_columns import fingerprint


def test_a_fingerprint_changes_with_every_cell() -> None:
    assert fingerprint(["R1", "1.00"]) == fingerprint([" R1", "1.00 "])
    assert fingerprint(["R1", "1.00"]) != fingerprint(["R1", "1.01"])
    assert fingerprint(["R1", "1.00"]) != fingerprint(["R11", ".00"])
