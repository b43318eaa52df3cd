"""What was handed over to a mail tool."""
