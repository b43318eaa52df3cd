"""What all commands share: the application, its options, its errors, its tables."""
