"""The ledger as a file: its connection, its schema, SQL that every room needs."""
