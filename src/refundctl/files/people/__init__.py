"""Files of people, as a CRM exports them."""
