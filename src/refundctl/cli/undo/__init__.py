"""Taking back what runs did."""
