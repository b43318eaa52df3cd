"""Ledger rows become the rows of files for mail tools and finance."""
