"""What a card is: its state, its code, the pool, and who comes after it."""
