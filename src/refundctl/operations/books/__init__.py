"""What an operator does with the books: figures, history, checks, copies."""
