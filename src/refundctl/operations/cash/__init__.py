"""What an operator does with cash instead of cards."""
