"""What an operator does with campaigns."""
