"""Bank accounts, and the bank's answers."""
