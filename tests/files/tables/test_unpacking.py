"""Packed files: known by what is in them, unpacked without trust, and refused where they hold no one file."""

import gzip
import hashlib
import os
import resource
import struct
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refundctl.domain.basics.errors import WriteFailed
from refundctl.files.tables import archives
from refundctl.files.tables.unpacking import unpack
from support.data.packed_files import csv_of, refusal, taken_out, workbook, zipped

BOOKINGS = b"booking_id,email,order_amount,currency\nR-1001,ana@example.org,12.50,EUR\n"
SHEET = [["booking_id", "email", "order_amount", "currency"], ["R-1001", "ana@example.org", 12.5, "EUR"]]
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


# --- What comes out ---


@pytest.mark.parametrize("raw", [b"", b"P", BOOKINGS, b"PK,PKW\n1,2\n", b"BZh,x\n", b"\xef\xbb\xbf" + BOOKINGS])
def test_a_plain_file_is_not_touched(raw: bytes) -> None:
    with tempfile.TemporaryFile() as stream:
        stream.write(raw)
        stream.seek(0)
        unpacked = unpack(stream, "bookings.csv")
        assert unpacked.stream is stream
        assert (unpacked.sha256, unpacked.packed) == (None, None)
        assert stream.read() == raw


@pytest.mark.parametrize(
    ("raw", "packed"),
    [
        (gzip.compress(BOOKINGS), "gzip"),
        (gzip.compress(BOOKINGS[:30]) + gzip.compress(BOOKINGS[30:]), "gzip"),
        (zipped({"bookings.csv": BOOKINGS}), "zip"),
        (zipped({"april/bookings.csv": BOOKINGS}, zipfile.ZIP_STORED), "zip"),
        (workbook(SHEET), "xlsx"),
        (zipped({"bookings.xlsx": workbook(SHEET)}), "xlsx"),
        (gzip.compress(workbook(SHEET)), "xlsx"),
    ],
    ids=["gzip", "gzip of two members", "zip", "zip of a stored file", "xlsx", "zip of an xlsx", "gzip of an xlsx"],
)
def test_what_a_file_is_shows_in_its_bytes(raw: bytes, packed: str) -> None:
    expected = BOOKINGS.replace(b"12.50", b"12.5") if packed == "xlsx" else BOOKINGS
    assert taken_out(raw, "bookings.csv") == (packed, expected)


def test_what_comes_out_is_a_real_file_at_its_start_and_the_digest_is_that_of_the_file_given() -> None:
    raw = gzip.compress(BOOKINGS)
    with tempfile.TemporaryFile() as given_stream:
        given_stream.write(raw)
        given_stream.seek(0)
        unpacked = unpack(given_stream, "bookings.csv.gz")
        with unpacked.stream as stream:
            assert unpacked.sha256 == hashlib.sha256(raw).hexdigest()
            assert stream.tell() == 0
            assert os.lseek(stream.fileno(), 0, os.SEEK_CUR) == 0  # another process may get it as its stdin
            assert os.fstat(stream.fileno()).st_size == len(BOOKINGS)
            assert os.fstat(stream.fileno()).st_nlink == 0  # nobody else can open it


def test_what_operating_systems_add_to_an_archive_is_passed_over() -> None:
    added = {"__MACOSX/._bookings.csv": b"x", ".DS_Store": b"x", "april/Thumbs.db": b"x", "desktop.ini": b"x"}
    raw = zipped({"april/": b"", **added, "april/bookings.csv": BOOKINGS})
    assert taken_out(raw) == ("zip", BOOKINGS)


@given(st.binary(max_size=3_000).map(lambda content: b"id" + content), st.booleans())
def test_any_content_comes_out_as_it_was(content: bytes, as_zip: bool) -> None:
    raw = zipped({"a.csv": content}) if as_zip else gzip.compress(content)
    assert csv_of(raw) == content


# --- Archives that hold no one file ---


def test_an_archive_of_several_files() -> None:
    assert refusal(zipped({"a.csv": BOOKINGS, "b.csv": BOOKINGS}), "april.zip") == (
        "archive_several_files",
        "april.zip is an archive of 2 files (`a.csv`, `b.csv`): unpack it, and name those to load.",
    )
    many = {f"{number}\x1b[2J.csv": BOOKINGS for number in range(5)}
    assert refusal(zipped(many), "april.zip") == (
        "archive_several_files",
        (
            "april.zip is an archive of 5 files (`0\\x1b[2J.csv`, `1\\x1b[2J.csv`, `2\\x1b[2J.csv` and 2 more): unpack it, "
            "and name those to load."
        ),
    )


@pytest.mark.parametrize("raw", [zipped({}), zipped({"april/": b"", ".DS_Store": b"x"})], ids=["empty", "folders"])
def test_an_archive_without_a_file(raw: bytes) -> None:
    sentence = "april.zip is an archive without a file in it: pack it again."
    assert refusal(raw, "april.zip") == ("archive_empty", sentence)


@pytest.mark.parametrize(
    "raw",
    [
        gzip.compress(gzip.compress(BOOKINGS)),
        gzip.compress(zipped({"a.csv": BOOKINGS})),
        zipped({"a.zip": zipped({"a.csv": BOOKINGS})}),
        zipped({"a.csv.gz": gzip.compress(BOOKINGS)}),
    ],
)
def test_an_archive_in_an_archive(raw: bytes) -> None:
    sentence = "april is packed twice: unpack it once, and name what comes out."
    assert refusal(raw, "april") == ("archive_nested", sentence)


@pytest.mark.parametrize(
    ("start", "archiver"),
    [
        (b"\xfd7zXZ\x00", "xz"),
        (b"\x28\xb5\x2f\xfd", "Zstandard"),
        (b"7z\xbc\xaf\x27\x1c", "7-Zip"),
        (b"Rar!\x1a\x07\x00", "RAR"),
        (b"BZh91AY&SY", "bzip2"),
        (b"bookings.csv".ljust(257, b"\0") + b"ustar\x0000", "tar"),
    ],
)
def test_other_ways_of_packing_are_named(start: bytes, archiver: str) -> None:
    sentence = f"april is packed with {archiver}, which isn't read: unpack it, and name what comes out."
    assert refusal(start + bytes(20), "april") == ("archive_unsupported", sentence)
    assert refusal(gzip.compress(start + bytes(20)), "april") == ("archive_unsupported", sentence)


# --- Archives that can't be read ---


def all_headers(raw: bytes, offset_in_local: int, offset_in_directory: int, number: int) -> bytes:
    """The archive with another 16-bit number in the headers of its entries, which no writer here would write."""
    changed = bytearray(raw)
    for mark, offset in ((b"PK\x03\x04", offset_in_local), (b"PK\x01\x02", offset_in_directory)):
        struct.pack_into("<H", changed, raw.index(mark) + offset, number)
    return bytes(changed)


def test_an_encrypted_archive() -> None:
    raw = all_headers(zipped({"a.csv": BOOKINGS}), 6, 8, 0x1)
    sentence = "april.zip is protected by a password: unpack it with the password, and name what comes out."
    assert refusal(raw, "april.zip") == ("archive_encrypted", sentence)


def test_a_method_of_packing_that_is_not_read() -> None:
    bzip2 = zipped({"a.csv": BOOKINGS}, zipfile.ZIP_BZIP2)
    deflate64 = all_headers(zipped({"a.csv": BOOKINGS}), 8, 10, 9)
    unknown = all_headers(zipped({"a.csv": BOOKINGS}), 8, 10, 77)
    for raw, method in ((bzip2, "bzip2"), (deflate64, "Deflate64"), (unknown, "method 77")):
        sentence = f"april.zip is packed by {method}, which isn't read: unpack it, and name what comes out."
        assert refusal(raw, "april.zip") == ("archive_unsupported", sentence)


GZIP, ZIP = gzip.compress(BOOKINGS), zipped({"a.csv": BOOKINGS})


@pytest.mark.parametrize(
    "raw",
    [
        GZIP[:-1],
        GZIP[:20],
        GZIP[:-6] + b"\0" + GZIP[-5:],
        GZIP + b"booking_id",
        ZIP[:-1],
        ZIP[:40],
        ZIP.replace(b"a.csv", b"b.csv", 1),
        all_headers(ZIP, 18, 20, len(BOOKINGS) // 2),
        all_headers(ZIP, 22, 24, len(BOOKINGS) - 1),
        bytes([*ZIP[:45], ZIP[45] ^ 0xFF, *ZIP[46:]]),
    ],
    ids=[
        "gzip, cut off in its end",
        "gzip, cut off",
        "gzip, with another checksum",
        "gzip, with something behind it",
        "zip, cut off in its directory",
        "zip, cut off",
        "zip, whose directory says another name",
        "zip, said to be packed smaller",
        "zip, said to unpack smaller",
        "zip, with another byte",
    ],
)
def test_a_damaged_archive(raw: bytes) -> None:
    sentence = "april is an archive that is damaged or not complete: copy or download it again."
    assert refusal(raw, "april") == ("archive_corrupt", sentence)


@given(st.sampled_from([GZIP, ZIP]), st.data())
def test_an_archive_that_is_cut_off_anywhere_is_refused(raw: bytes, data: st.DataObject) -> None:
    length = data.draw(st.integers(4, len(raw) - 1))
    assert refusal(raw[:length], "april")[0] == "archive_corrupt"


# --- Archives from which too much comes ---


def test_a_bomb_is_refused_by_its_ratio(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "RATIO_COUNTS_FROM_BYTES", 2 << 20)
    bomb = bytes(3 << 20)
    for raw in (gzip.compress(bomb), zipped({"a.csv": bomb}), gzip.compress(bomb[: 2 << 20]) * 2):
        assert refusal(raw, "april") == (
            "archive_too_large",
            (
                "april unpacks to more than 2 MiB, which no file of bookings of its size does: find out where it comes "
                "from; if it is right, unpack it, and name what comes out."
            ),
        )
    assert csv_of(gzip.compress(bomb[: 2 << 20])) == bomb[: 2 << 20]


def test_no_file_unpacks_to_more_than_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "UNPACKED_BYTES_MAX", len(BOOKINGS))
    assert csv_of(zipped({"a.csv": BOOKINGS}, zipfile.ZIP_STORED)) == BOOKINGS
    assert refusal(zipped({"a.csv": BOOKINGS + b"x"}, zipfile.ZIP_STORED), "april")[0] == "archive_too_large"
    assert refusal(workbook(SHEET), "april.xlsx")[0] == "archive_too_large"


def test_the_real_ratio_of_bookings_is_far_from_that_of_a_bomb(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "RATIO_COUNTS_FROM_BYTES", 0)
    wide = b"".join(b"R-%07d,12.50,EUR,cancelled%s\n" % (number, b"," * 70) for number in range(20_000))
    assert csv_of(gzip.compress(wide, 9)) == wide


@contextmanager
def room_for(size: int) -> Iterator[None]:
    """No file can become larger than this, as on a disk that is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("size", [0, 1, 40])
def test_a_full_disk_is_told_as_such(size: int) -> None:
    with tempfile.TemporaryFile() as stream:
        for raw in (gzip.compress(BOOKINGS), zipped({"a.csv": BOOKINGS}), workbook(SHEET)):
            stream.seek(0)
            stream.write(raw)
            stream.truncate()
            stream.seek(0)
            with room_for(size), pytest.raises(WriteFailed) as caught:
                unpack(stream, "april")
            assert caught.value.message == (
                f"{tempfile.gettempdir()} can't be written: File too large. Make room or name another place."
            )


# --- What looks like a workbook ---


def test_a_workbook_with_a_password() -> None:
    raw = OLE + bytes(1_500_000) + "EncryptionInfo".encode("utf-16-le") + "EncryptedPackage".encode("utf-16-le")
    sentence = "april.xlsx is protected by a password: save it without one."
    assert refusal(raw, "april.xlsx") == ("spreadsheet_encrypted", sentence)


@pytest.mark.parametrize(
    ("raw", "what"),
    [
        (OLE + bytes(2_000_000), "an old Excel file (xls)"),
        (
            zipped({"mimetype": b"application/vnd.oasis.opendocument.spreadsheet", "content.xml": b"<x/>"}),
            "a spreadsheet in the form ods",
        ),
        (
            zipped(
                {
                    "[Content_Types].xml": b'<Default ContentType="application/vnd.ms-excel.sheet.binary.macroEnabled.main"/>',
                    "xl/workbook.bin": b"x",
                }
            ),
            "a spreadsheet in the form xlsb",
        ),
        (zipped({"Index/Document.iwa": b"x", "preview.jpg": b"x"}), "a spreadsheet in the form Numbers"),
    ],
    ids=["xls", "ods", "xlsb", "numbers"],
)
def test_other_spreadsheets_are_named(raw: bytes, what: str) -> None:
    sentence = f"april is {what}, which isn't read: save it as xlsx or CSV."
    assert refusal(raw, "april") == ("spreadsheet_unsupported", sentence)
