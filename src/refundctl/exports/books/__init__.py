"""Files for finance."""
