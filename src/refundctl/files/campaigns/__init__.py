"""The campaigns file, plans, and the codes of printed cards."""
