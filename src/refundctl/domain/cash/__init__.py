"""What stands in files for the bank."""
