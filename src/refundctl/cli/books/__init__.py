"""The commands about the books: figures, history, checks, copies."""
