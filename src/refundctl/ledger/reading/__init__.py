"""Figures and lists that several rooms go into."""
