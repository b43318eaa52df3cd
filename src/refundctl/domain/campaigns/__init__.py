"""What a campaign is: its definition, its conditions, its refund policy."""
