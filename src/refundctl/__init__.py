"""refundctl turns a file of cancelled bookings into funded gift cards, and can prove every cent."""

__version__ = "0.1.0"
