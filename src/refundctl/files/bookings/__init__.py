"""Files of bookings: sources and presets, rows, rejects."""
