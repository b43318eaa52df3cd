"""Figures and lists that draw on several folders."""
