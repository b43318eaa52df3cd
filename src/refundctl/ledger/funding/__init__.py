"""Which refund lines are owed what, and how it comes onto cards."""
