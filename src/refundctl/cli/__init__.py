"""Thin Typer commands: parse, open a transaction, call one operation, render; errors become exit codes."""
