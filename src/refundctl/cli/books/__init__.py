"""The commands about the books: figures, history, checks, undo, copies."""
