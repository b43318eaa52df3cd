"""What is sealed of people and metadata: a digest of each with a salt, so that erasing both leaves the seals whole."""

import hashlib
import sqlite3

# The salt keeps a digest from being found by guessing. Of a row of `customers`:
PERSON_TEXT = """
    json_array(hex(salt), customer_id, email, name, phone, locale, marketing_consent, country, from_people_file)
"""
METADATA_TEXT = "json_array(hex({salt}), {metadata})"


def register_sha256(connection: sqlite3.Connection) -> None:
    """Give the connection sha256(TEXT)."""
    connection.create_function("sha256", 1, _sha256, deterministic=True)


def _sha256(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()
