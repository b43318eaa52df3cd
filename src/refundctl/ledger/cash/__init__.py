"""What is owed in cash instead of on a card."""
