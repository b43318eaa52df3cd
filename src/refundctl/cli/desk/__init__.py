"""The commands about cards, one at a time or by a file."""
