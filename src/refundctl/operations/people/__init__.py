"""What an operator does with customers."""
