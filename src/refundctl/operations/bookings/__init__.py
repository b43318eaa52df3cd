"""What an operator does with files of bookings."""
