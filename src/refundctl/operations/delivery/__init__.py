"""What an operator does with what is handed over to mail tools."""
