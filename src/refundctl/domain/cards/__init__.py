"""What a card is: its code, its PIN, its state, and when it may be redeemed."""
