"""The commands about campaigns."""
