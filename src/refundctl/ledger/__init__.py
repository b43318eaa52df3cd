"""All SQL, in folders that each write their own tables: tests/test_writers.py says which."""
