"""What a booking says, cell by cell and column by column, and how a source maps a file onto it."""
