-- The floor: what the sqlite3 shell alone needs to turn bookings.csv into cards with a balance and a mail file.
-- As durable as the ledger and with the same keys; but nothing is validated, no rule is asked, nothing is journalled or sealed.
--
--     sqlite3 floor.db < floor.sql        in a folder that has bookings.csv
--
-- What stands above the first step is said again before each step that is measured alone.
PRAGMA journal_mode = DELETE;
PRAGMA synchronous = EXTRA;
PRAGMA temp_store = MEMORY;
PRAGMA cache_size = -262144;
.mode csv

-- step: load
CREATE TABLE imported (
    booking_id TEXT, customer_id TEXT, email TEXT, name TEXT, order_amount TEXT, currency TEXT, status TEXT,
    booked_at TEXT, cancelled_at TEXT, channel TEXT, category TEXT, tier TEXT, country TEXT
);
CREATE TABLE customers (
    id INTEGER PRIMARY KEY,
    customer_id TEXT NOT NULL UNIQUE,
    email TEXT,
    name TEXT
) STRICT;
CREATE TABLE bookings (
    id INTEGER PRIMARY KEY,
    booking_id TEXT NOT NULL UNIQUE,
    customer INTEGER NOT NULL REFERENCES customers,
    amount_minor INTEGER NOT NULL CHECK (amount_minor > 0),
    currency TEXT NOT NULL,
    cancelled_at TEXT,
    details TEXT
) STRICT;
.import --skip 1 bookings.csv imported
BEGIN;
INSERT OR IGNORE INTO customers (customer_id, email, name)
SELECT customer_id, email, name
FROM imported;
INSERT INTO bookings (booking_id, customer, amount_minor, currency, cancelled_at, details)
SELECT
    i.booking_id,
    c.id,
    CAST(round(i.order_amount * 100) AS INTEGER),
    i.currency,
    i.cancelled_at,
    json_object('channel', i.channel, 'category', i.category, 'tier', i.tier, 'country', i.country)
FROM imported AS i
CROSS JOIN customers AS c ON c.customer_id = i.customer_id;
COMMIT;

-- step: publish
CREATE TABLE cards (
    id INTEGER PRIMARY KEY,
    campaign INTEGER NOT NULL,
    code TEXT NOT NULL UNIQUE,
    booking INTEGER UNIQUE,
    customer INTEGER NOT NULL,
    published_at TEXT NOT NULL,
    expires_on TEXT
) STRICT;
BEGIN;
INSERT INTO cards (campaign, code, booking, customer, published_at, expires_on)
SELECT
    1,
    hex(randomblob(8)),
    id,
    customer,
    strftime('%Y-%m-%dT%H:%M:%SZ', 'now'),
    date('now', '+365 days')
FROM bookings;
COMMIT;

-- step: topup
CREATE TABLE transactions (
    id INTEGER PRIMARY KEY,
    card INTEGER NOT NULL REFERENCES cards,
    type TEXT NOT NULL,
    amount_minor INTEGER NOT NULL,
    booking INTEGER NOT NULL,
    run INTEGER NOT NULL,
    created_at TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX transactions_funded_once ON transactions (booking) WHERE type = 'CREDITS_ADDITION';
BEGIN;
INSERT INTO transactions (card, type, amount_minor, booking, run, created_at)
SELECT
    c.id,
    'CREDITS_ADDITION',
    b.amount_minor,
    b.id,
    1,
    strftime('%Y-%m-%dT%H:%M:%SZ', 'now')
FROM cards AS c
JOIN bookings AS b ON b.id = c.booking;
COMMIT;

-- step: mail
.headers on
.once mail.csv
SELECT
    p.email,
    p.name,
    c.code,
    printf('%d.%02d', t.amount_minor / 100, t.amount_minor % 100) AS balance,
    b.currency,
    c.expires_on,
    b.booking_id
FROM cards AS c
JOIN customers AS p ON p.id = c.customer
JOIN bookings AS b ON b.id = c.booking
JOIN transactions AS t ON t.booking = b.id;
