"""The commands about cash instead of cards."""
