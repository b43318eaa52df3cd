"""Commits of bare SQLite: one short row each, as safe from a power cut as the ledger. Takes how many."""

import sqlite3
import sys

connection = sqlite3.connect("bare.db", isolation_level=None)
connection.execute("PRAGMA journal_mode = DELETE")
connection.execute("PRAGMA synchronous = EXTRA")
connection.execute("CREATE TABLE rows (id INTEGER PRIMARY KEY, text TEXT)")
for _ in range(int(sys.argv[1])):
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("INSERT INTO rows (text) VALUES ('one row')")
    connection.execute("COMMIT")
connection.close()
