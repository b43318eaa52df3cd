"""Whether the books are in order."""
