"""Files that name cards, and a till's sales."""
