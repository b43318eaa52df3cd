"""The commands about files of bookings."""
