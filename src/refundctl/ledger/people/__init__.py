"""Customers: found, posted, erased."""
