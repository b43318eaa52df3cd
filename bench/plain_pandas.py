"""The script one would write instead: codes and a mail file out of bookings.csv, with no ledger and no checks.

Run in a folder that has bookings.csv. Run again, it gives everyone a second card.
"""

import secrets
from datetime import date, timedelta

import pandas

bookings = pandas.read_csv("bookings.csv", dtype={"order_amount": str})
bookings["code"] = [secrets.token_hex(8).upper() for _ in range(len(bookings))]
bookings["expires_on"] = (date.today() + timedelta(days=365)).isoformat()  # noqa: DTZ011 - a plain script
mail = bookings.rename(columns={"order_amount": "balance"})
mail[["email", "name", "code", "balance", "currency", "expires_on", "booking_id"]].to_csv("mail.csv", index=False)
