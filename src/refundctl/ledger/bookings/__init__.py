"""What files say of bookings: staged, compared, posted."""
