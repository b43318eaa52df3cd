"""What an operator does with cards, one at a time or by a file."""
