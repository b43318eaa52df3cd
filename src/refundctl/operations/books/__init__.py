"""What an operator does with the books: figures, history, checks, undo, copies."""
