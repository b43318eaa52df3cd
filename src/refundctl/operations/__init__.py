"""What an operator does, one file each; every operation works inside the transaction it is given."""
