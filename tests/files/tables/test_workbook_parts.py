"""What is wrong with a workbook and would not be seen in its cells: found before they are read."""

from typing import Any

import pytest

from refundctl.files.tables import archives, workbook_parts
from support.data.packed_files import csv_of, edited, made, refusal, workbook, zipped

SHEET = "xl/worksheets/sheet1.xml"
ROWS = [["id", "amount"], ["R-1", 12.5], ["R-2", 99]]
WHOLE = workbook(ROWS)
CSV = b"id,amount\nR-1,12.5\nR-2,99\n"
DAMAGED = "a.xlsx is a damaged workbook: open it in a spreadsheet program, and save it again."


@pytest.mark.parametrize(
    ("part", "old", "new"),
    [
        (SHEET, b"</sheetData>", b""),
        (SHEET, b'<row r="3"', b"<"),
        (SHEET, b"<worksheet ", b'<!DOCTYPE x [<!ENTITY a "b">]><worksheet '),
        (SHEET, b'<c r="B2"><v>12.5</v>', b'<c r="B2" t="nonsense"><v>12.5</v>'),
        (SHEET, b't="s"><v>0</v>', b't="s"><v>99</v>'),
        ("xl/sharedStrings.xml", b"</sst>", b""),
        ("xl/workbook.xml", b"</workbook>", b""),
    ],
)
def test_a_damaged_part_is_never_taken_for_a_whole_one(part: str, old: bytes, new: bytes) -> None:
    assert refusal(edited(WHOLE, part, old, new), "a.xlsx") == ("spreadsheet_corrupt", DAMAGED)


def test_a_sheet_in_another_encoding_is_not_taken_for_an_empty_one() -> None:
    start = b"<?xml"
    raw = edited(WHOLE, SHEET, start, b"\xff\xfe" + start)
    assert refusal(raw, "a.xlsx") == ("spreadsheet_corrupt", DAMAGED)


def test_a_part_that_is_missing_or_there_twice() -> None:
    only_types = zipped({"[Content_Types].xml": b"<x>spreadsheetml.sheet.main+xml</x>"})
    assert refusal(only_types, "a.xlsx") == ("spreadsheet_corrupt", DAMAGED)
    twice = zipped({"xl/workbook.xml": b"<workbook/>", "XL/workbook.xml": b"<workbook/>"})
    assert refusal(twice, "a.xlsx") == ("spreadsheet_corrupt", DAMAGED)


def test_formulas_that_were_never_calculated() -> None:
    """As programs write them that can't reckon: the cell would look blank."""
    for formula in (
        b"<f>A2*2</f>",
        b'<f t="shared" si="0"/>',
        b"<f>A2*2</f> \n",
        b"<f>A2*2</f><v></v>",
        b"<f>A2*2</f><v />",
    ):
        raw = edited(WHOLE, SHEET, b'<c r="B2"><v>12.5</v>', b'<c r="B2">' + formula)
        assert refusal(raw, "a.xlsx") == (
            "spreadsheet_not_calculated",
            (
                "a.xlsx has formulas that were never calculated, such as that in cell B2: open it in a spreadsheet program, "
                "and save it."
            ),
        )
    calculated = edited(WHOLE, SHEET, b"<v>12.5</v>", b"<f>A2*2</f><v>12.5</v>")
    assert csv_of(calculated) == CSV
    blank = edited(WHOLE, SHEET, b'<c r="B2"><v>12.5</v>', b'<c r="B2" t="str"><f>""</f><v></v>')
    assert csv_of(blank) == CSV.replace(b"12.5", b"")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'<c r="B2">', b'<c r="B2" t="e">'),
        (b'<c r="B2">', b"<c  t = 'e'\n r='B2' >"),
        (b'<c r="B2">', b'<c t="e" r="B2" s="0">'),
    ],
)
def test_errors_are_seen_however_they_are_written(old: bytes, new: bytes) -> None:
    raw = edited(WHOLE, SHEET, b"<v>12.5</v>", b"<v>#N/A</v>")
    assert csv_of(edited(raw, SHEET, old, new)) == CSV.replace(b"12.5", b"#N/A")


def test_tags_may_have_prefixes_and_cells_and_rows_no_places() -> None:
    unplaced = WHOLE
    for place in (b' r="A1"', b' r="B1"', b' r="A2"', b' r="B2"', b' r="A3"', b' r="B3"', b' r="2"', b' r="3"'):
        unplaced = edited(unplaced, SHEET, place, b"")
    assert csv_of(unplaced) == CSV
    prefixed = WHOLE
    for tag in (b"worksheet", b"sheetData", b"row", b"c", b"v"):
        for end in (b" ", b">"):
            prefixed = edited(prefixed, SHEET, b"</" + tag + b">", b"</x:" + tag + b">") if end == b">" else prefixed
    prefixed = edited(prefixed, SHEET, b"<worksheet xmlns=", b"<x:worksheet xmlns:x=")
    for old, new in ((b"<sheetData", b"<x:sheetData"), (b"<row", b"<x:row"), (b"<c ", b"<x:c "), (b"<v>", b"<x:v>")):
        prefixed = edited(prefixed, SHEET, old, new)
    assert csv_of(edited(prefixed, SHEET, b'<x:c r="B2">', b'<x:c r="B2" t="e">')) == CSV


# --- Sheets for which there is no room ---


def test_a_cell_far_away_is_refused_before_room_is_made_for_all_between() -> None:
    raw = edited(WHOLE, SHEET, b'<c r="B3"', b'<c r="XFD1048576"')
    assert refusal(raw, "a.xlsx") == (
        "spreadsheet_too_large",
        (
            "a.xlsx has a sheet of 1,048,576 rows and 16,384 columns, for which there is no room: delete what stands far "
            "away from the table, or save the sheet as CSV."
        ),
    )


def test_a_blank_cell_far_away_does_no_harm() -> None:
    raw = edited(WHOLE, SHEET, b"</row></sheetData>", b'</row><row r="1048576"><c r="XFD1048576"/></row></sheetData>')
    assert csv_of(raw) == CSV


def test_the_limit_holds_for_cells_that_don_t_say_where_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbook_parts, "CELLS_MAX", 100)
    assert csv_of(WHOLE) == CSV
    wide = edited(WHOLE, SHEET, b"</row></sheetData>", b"</row><row>" + b"<c><v>1</v></c>" * 26 + b"</row></sheetData>")
    assert refusal(wide, "a.xlsx")[0] == "spreadsheet_too_large"
    low = edited(WHOLE, SHEET, b"</row></sheetData>", b'</row><row r="60"><c><v>1</v></c></row></sheetData>')
    assert refusal(low, "a.xlsx")[0] == "spreadsheet_too_large"
    many = edited(WHOLE, SHEET, b"</row></sheetData>", b"</row>" + b"<row><c><v>1</v></c></row>" * 60 + b"</sheetData>")
    assert refusal(many, "a.xlsx")[0] == "spreadsheet_too_large"


def test_what_is_checked_does_not_depend_on_the_pieces_in_which_it_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    error = edited(edited(WHOLE, SHEET, b'<c r="B2">', b'<c r="B2" t="e">'), SHEET, b"12.5", b"#N/A")
    formula = edited(WHOLE, SHEET, b'<c r="B2"><v>12.5</v>', b'<c r="B2"><f>A2*2</f>')
    for size in (1, 2, 3, 7, 50):
        monkeypatch.setattr(archives, "PIECE_BYTES", size)
        assert csv_of(error) == CSV.replace(b"12.5", b"#N/A")
        assert refusal(formula, "a.xlsx")[0] == "spreadsheet_not_calculated"


def test_a_tag_that_never_ends_is_not_kept_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbook_parts, "TAG_BYTES_MAX", 10_000)
    raw = edited(WHOLE, SHEET, b"<v>12.5</v>", b"<v>" + b" " * 30_000 + b"</v>")
    monkeypatch.setattr(archives, "PIECE_BYTES", 5_000)
    assert refusal(raw, "a.xlsx") == ("spreadsheet_corrupt", DAMAGED)


# --- Zeros that only the format of a cell shows ---


def numbers_as(code: str, *cells: object) -> bytes:
    """The CSV of one column of cells in this number format, below a header."""

    def write(book: Any) -> None:
        sheet, form = book.add_worksheet(), book.add_format({"num_format": code})
        sheet.write_string(0, 0, "booking_id")
        for row, cell in enumerate(cells, start=1):
            sheet.write(row, 0, cell, form)

    return csv_of(made(write))


def test_zeros_in_front_are_kept_where_the_cell_shows_them() -> None:
    assert numbers_as("00000", 123, 99999, 1234567, 0) == b"booking_id\n00123\n99999\n1234567\n00000\n"
    assert numbers_as("0000000000;-0000000000", 42) == b"booking_id\n0000000042\n"


def test_other_formats_and_other_cells_are_left_alone() -> None:
    assert numbers_as("0.00", 12.5, 7) == b"booking_id\n12.5\n7\n"
    assert numbers_as("0", 7) == b"booking_id\n7\n"
    assert numbers_as("#,##0", 1234) == b"booking_id\n1234\n"
    assert numbers_as("00000", 12.5, "7", -7, True) == b"booking_id\n12.5\n7\n-7\nTRUE\n"


def test_a_formula_keeps_its_zeros_too() -> None:
    def write(book: Any) -> None:
        book.add_worksheet().write_formula(0, 0, "=100+23", book.add_format({"num_format": "00000"}), 123)

    assert csv_of(made(write)) == b"00123\n"
