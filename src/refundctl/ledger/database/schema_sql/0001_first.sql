-- Version 1: bookings become funded cards. Facts are only ever added; docs/schema.md tells what each table holds.


-- ## The journal: what this file is, who did what, and what was refused.

-- The one row that says what this file is. `clock` is 'system', or 'rehearsal' where REFUNDCTL_NOW set the time.
CREATE TABLE ledger (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    ledger_id TEXT NOT NULL CHECK (length(ledger_id) = 32),
    clock TEXT NOT NULL CHECK (clock IN ('system', 'rehearsal')),
    created_at TEXT NOT NULL,
    made_by TEXT NOT NULL
) STRICT;

-- A command that changed something: who, when, where, with which arguments (never a code). Steps name the run they belong to.
CREATE TABLE runs (
    id INTEGER PRIMARY KEY,
    parent_run_id INTEGER REFERENCES runs,
    command TEXT NOT NULL,
    campaign TEXT,
    operator TEXT NOT NULL,
    user_id INTEGER NOT NULL,
    host TEXT NOT NULL,
    program TEXT NOT NULL,
    arguments TEXT NOT NULL CHECK (json_valid(arguments)),
    started_at TEXT NOT NULL
) STRICT;

-- How a run ended, in its own figures. counts, totals and files are JSON.
CREATE TABLE run_outcomes (
    run_id INTEGER PRIMARY KEY REFERENCES runs,
    status TEXT NOT NULL CHECK (status IN ('ok', 'partial')),
    counts TEXT NOT NULL CHECK (json_valid(counts)),
    totals TEXT NOT NULL CHECK (json_valid(totals)),
    files TEXT NOT NULL CHECK (json_valid(files)),
    finished_at TEXT NOT NULL
) STRICT;

-- The chain: each run's digest over its own rows and the seal before it. encoding is the version of how rows become bytes.
CREATE TABLE seals (
    id INTEGER PRIMARY KEY,
    run_id INTEGER NOT NULL UNIQUE REFERENCES runs,
    encoding INTEGER NOT NULL,
    digest TEXT NOT NULL CHECK (length(digest) = 64)
) STRICT;

-- What was refused: kept outside the seals, so that it survives the rollback of what it tried. card is the one it was
-- about; wrong PINs are counted by it.
CREATE TABLE attempts (
    id INTEGER PRIMARY KEY,
    after_run_id INTEGER NOT NULL,
    command TEXT NOT NULL,
    campaign TEXT,
    operator TEXT NOT NULL,
    user_id INTEGER NOT NULL,
    host TEXT NOT NULL,
    program TEXT NOT NULL,
    arguments TEXT NOT NULL CHECK (json_valid(arguments)),
    status TEXT NOT NULL CHECK (status IN ('refused', 'error')),
    error_code TEXT NOT NULL,
    message TEXT NOT NULL,
    card INTEGER REFERENCES cards,
    started_at TEXT NOT NULL,
    finished_at TEXT NOT NULL
) STRICT;
CREATE INDEX attempts_card ON attempts (card, error_code, after_run_id) WHERE card IS NOT NULL;

-- What was answered under an idempotency key: the same question gets it again, another one is refused. arguments is the
-- SHA-256 of what was asked for.
CREATE TABLE idempotency_keys (
    id INTEGER PRIMARY KEY,
    idempotency_key TEXT NOT NULL UNIQUE CHECK (length(idempotency_key) BETWEEN 1 AND 200),
    arguments TEXT NOT NULL CHECK (length(arguments) = 64),
    answer TEXT NOT NULL CHECK (json_valid(answer)),
    run_id INTEGER NOT NULL REFERENCES runs
) STRICT;


-- ## Campaigns.

CREATE TABLE campaigns (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    currency TEXT NOT NULL CHECK (currency GLOB '[A-Z][A-Z][A-Z]'),
    run_id INTEGER NOT NULL REFERENCES runs
) STRICT;

-- Each definition that a campaign has had; the last one counts for what is published from then on.
CREATE TABLE definitions (
    id INTEGER PRIMARY KEY,
    campaign INTEGER NOT NULL REFERENCES campaigns,
    definition TEXT NOT NULL CHECK (json_valid(definition)),
    run_id INTEGER NOT NULL REFERENCES runs
) STRICT;

-- The kill switch: the last event of a campaign says whether it is paused.
CREATE TABLE campaign_events (
    id INTEGER PRIMARY KEY,
    campaign INTEGER NOT NULL REFERENCES campaigns,
    event TEXT NOT NULL CHECK (event IN ('paused', 'resumed')),
    reason TEXT,
    run_id INTEGER NOT NULL REFERENCES runs
) STRICT;
CREATE INDEX campaign_events_campaign ON campaign_events (campaign);


-- ## People.

-- People, the one table that may be changed and erased; facts name the key only. salt goes with the person. country is
-- what files of people say; bookings keep their own. from_people_file is 1 once such a file has spoken of the person.
CREATE TABLE customers (
    id INTEGER PRIMARY KEY,
    customer_id TEXT UNIQUE,
    email TEXT,
    name TEXT,
    phone TEXT,
    locale TEXT,
    marketing_consent TEXT CHECK (marketing_consent IN ('yes', 'no')),
    country TEXT,
    from_people_file INTEGER NOT NULL DEFAULT 0 CHECK (from_people_file IN (0, 1)),
    salt BLOB
) STRICT;
CREATE INDEX customers_without_email ON customers (id) WHERE email IS NULL;
CREATE INDEX customers_with_country ON customers (country) WHERE country IS NOT NULL;

-- What the ledger knew of a person and when: SHA-256 over salt and person, which outlives their erasure.
CREATE TABLE customer_versions (
    id INTEGER PRIMARY KEY,
    customer INTEGER NOT NULL REFERENCES customers,
    digest BLOB NOT NULL CHECK (length(digest) = 32),
    run_id INTEGER NOT NULL
) STRICT;

-- A person was erased. Their customer_id is from then on a pseudonym, which only who knows the id can find again.
CREATE TABLE erasures (
    id INTEGER PRIMARY KEY,
    customer INTEGER NOT NULL UNIQUE REFERENCES customers,
    run_id INTEGER NOT NULL REFERENCES runs
) STRICT;


-- ## Bookings: what files have said of them.

-- The combinations of descriptive values that refund lines come with, each stored once.
CREATE TABLE segments (
    id INTEGER PRIMARY KEY,
    source TEXT NOT NULL,
    status TEXT,
    channel TEXT,
    category TEXT,
    tier TEXT,
    country TEXT,
    accepted TEXT CHECK (accepted IN ('yes', 'no')),
    run_id INTEGER NOT NULL REFERENCES runs
) STRICT;
CREATE UNIQUE INDEX segments_values ON segments (
    source, coalesce(status, ''), coalesce(channel, ''), coalesce(category, ''), coalesce(tier, ''),
    coalesce(country, ''), coalesce(accepted, '')
);

CREATE TABLE bookings (
    id INTEGER PRIMARY KEY,
    booking_id TEXT NOT NULL UNIQUE,
    run_id INTEGER NOT NULL
) STRICT;

-- What a file has said of a refund line, one row per change. The row with version 1 gives the line its identity: other
-- tables name its id. refund_id is '' where the line is the whole booking. Of refund_amount, cash_amount is owed in cash;
-- bonus_amount is owed as bonus on top. withdrawn is 1 where the source that brought the line leaves it out now.
CREATE TABLE line_versions (
    id INTEGER PRIMARY KEY,
    booking INTEGER NOT NULL REFERENCES bookings,
    refund_id TEXT NOT NULL,
    version INTEGER NOT NULL CHECK (version >= 1),
    customer INTEGER NOT NULL REFERENCES customers,
    order_amount_minor INTEGER NOT NULL CHECK (order_amount_minor > 0),
    refund_amount_minor INTEGER NOT NULL CHECK (refund_amount_minor > 0 AND refund_amount_minor <= order_amount_minor),
    cash_amount_minor INTEGER NOT NULL CHECK (cash_amount_minor >= 0 AND cash_amount_minor <= refund_amount_minor),
    bonus_amount_minor INTEGER NOT NULL CHECK (bonus_amount_minor >= 0),
    currency TEXT NOT NULL CHECK (length(currency) = 3),
    booked_at TEXT,
    cancelled_at TEXT,
    tickets INTEGER CHECK (tickets >= 0),
    segment INTEGER NOT NULL REFERENCES segments,
    metadata_digest BLOB CHECK (length(metadata_digest) = 32),
    withdrawn INTEGER NOT NULL DEFAULT 0 CHECK (withdrawn IN (0, 1)),
    run_id INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX line_versions_first ON line_versions (booking, refund_id) WHERE version = 1;
CREATE UNIQUE INDEX line_versions_later ON line_versions (booking, refund_id, version) WHERE version > 1;

-- What the ledger now knows of each refund line.
CREATE VIEW refund_lines AS
SELECT
    first.id AS line,
    now.id AS line_version,
    now.version,
    bookings.id AS booking,
    bookings.booking_id,
    coalesce(nullif(now.refund_id, ''), bookings.booking_id) AS refund_id,
    now.customer,
    now.order_amount_minor,
    now.refund_amount_minor,
    now.cash_amount_minor,
    now.bonus_amount_minor,
    now.currency,
    now.booked_at,
    now.cancelled_at,
    now.tickets,
    now.segment,
    now.withdrawn
FROM line_versions AS first
JOIN bookings ON bookings.id = first.booking
JOIN line_versions AS now ON now.id = coalesce(
    (
        SELECT later.id FROM line_versions AS later
        WHERE later.booking = first.booking AND later.refund_id = first.refund_id AND later.version > 1
        ORDER BY later.version DESC LIMIT 1
    ),
    first.id
)
WHERE first.version = 1;

-- The other columns that a source keeps, as JSON. Erasable, as they may describe a person; sealed by their salted digest.
CREATE TABLE line_metadata (
    line_version INTEGER PRIMARY KEY REFERENCES line_versions,
    metadata TEXT NOT NULL CHECK (json_valid(metadata)),
    salt BLOB NOT NULL
) STRICT;


-- ## Cards: who holds them, until when, and what became of them.

-- A gift card. One that is made as it is published has its holder from the start; one that waits in a pool (made
-- beforehand, or printed by somebody else) has none here: its holder stands in assignments. booking is NULL where a
-- customer has one card for everything. ordinal counts the cards of one holder: 2 is the successor of a card that had
-- expired. expires_on is the last valid day as published, or NULL.
CREATE TABLE cards (
    id INTEGER PRIMARY KEY,
    campaign INTEGER NOT NULL,
    code TEXT NOT NULL,
    customer INTEGER REFERENCES customers,
    booking INTEGER REFERENCES bookings,
    ordinal INTEGER CHECK (ordinal >= 1),
    expires_on TEXT,
    printed INTEGER NOT NULL DEFAULT 0 CHECK (printed IN (0, 1)),
    run_id INTEGER NOT NULL,
    CHECK ((customer IS NULL) = (ordinal IS NULL)),
    CHECK (customer IS NOT NULL OR (booking IS NULL AND expires_on IS NULL))
) STRICT;
CREATE UNIQUE INDEX cards_booking ON cards (campaign, booking, ordinal) WHERE booking IS NOT NULL;
CREATE UNIQUE INDEX cards_customer ON cards (campaign, customer, ordinal) WHERE booking IS NULL;
CREATE INDEX cards_pool ON cards (campaign) WHERE customer IS NULL;

-- A card from the pool gets its holder.
CREATE TABLE assignments (
    id INTEGER PRIMARY KEY,
    card INTEGER NOT NULL UNIQUE REFERENCES cards,
    campaign INTEGER NOT NULL REFERENCES campaigns,
    customer INTEGER NOT NULL REFERENCES customers,
    booking INTEGER REFERENCES bookings,
    ordinal INTEGER NOT NULL CHECK (ordinal >= 1),
    expires_on TEXT,
    run_id INTEGER NOT NULL REFERENCES runs
) STRICT;
CREATE UNIQUE INDEX assignments_booking ON assignments (campaign, booking, ordinal) WHERE booking IS NOT NULL;
CREATE UNIQUE INDEX assignments_customer ON assignments (campaign, customer, ordinal) WHERE booking IS NULL;

-- The cards that have a holder, whether from the start or by assignment; run_id is the run that published them.
CREATE VIEW held_cards AS
SELECT
    cards.id,
    cards.campaign,
    cards.code,
    coalesce(cards.customer, assignments.customer) AS customer,
    coalesce(cards.booking, assignments.booking) AS booking,
    coalesce(cards.ordinal, assignments.ordinal) AS ordinal,
    coalesce(cards.expires_on, assignments.expires_on) AS expires_on,
    cards.printed,
    coalesce(assignments.run_id, cards.run_id) AS run_id
FROM cards
LEFT JOIN assignments ON assignments.card = cards.id
WHERE cards.customer IS NOT NULL OR assignments.card IS NOT NULL;

-- Who got which card, for what, and when.
CREATE VIEW publications AS
SELECT
    'c' || cards.id AS card_id,
    customers.customer_id,
    bookings.booking_id,
    campaigns.name AS campaign,
    runs.started_at AS published_at,
    cards.run_id
FROM held_cards AS cards
JOIN campaigns ON campaigns.id = cards.campaign
JOIN customers ON customers.id = cards.customer
JOIN runs ON runs.id = cards.run_id
LEFT JOIN bookings ON bookings.id = cards.booking;

-- The form under which a code is matched and must be unique: no spaces, no dashes, capitals. An index of cards.code,
-- kept as a table because a million random keys go in three times faster when they are sorted first.
CREATE TABLE codes (
    code_key TEXT PRIMARY KEY,
    card INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- A later top-up moved a card's last valid day.
CREATE TABLE extensions (
    id INTEGER PRIMARY KEY,
    card INTEGER NOT NULL REFERENCES cards,
    expires_on TEXT NOT NULL,
    run_id INTEGER NOT NULL
) STRICT;
CREATE INDEX extensions_card ON extensions (card);

-- A card of the pool is handed out and comes alive before it has a holder, if it ever gets one. expires_on is its last
-- valid day, or NULL.
CREATE TABLE activations (
    id INTEGER PRIMARY KEY,
    card INTEGER NOT NULL UNIQUE REFERENCES cards,
    expires_on TEXT,
    run_id INTEGER NOT NULL REFERENCES runs
) STRICT;

-- The last valid day, after all extensions, of each card that was handed out; NULL where it never expires.
CREATE VIEW card_expiries AS
SELECT
    cards.id AS card,
    coalesce(
        (SELECT max(expires_on) FROM extensions WHERE extensions.card = cards.id),
        cards.expires_on,
        iif(assignments.card IS NULL, activations.expires_on, assignments.expires_on)
    ) AS expires_on
FROM cards
LEFT JOIN assignments ON assignments.card = cards.id
LEFT JOIN activations ON activations.card = cards.id
WHERE cards.customer IS NOT NULL OR assignments.card IS NOT NULL OR activations.card IS NOT NULL;

-- What became of a card: blocked for now (disabled, enabled), for good (deactivated), or let try its PIN again (unlocked).
CREATE TABLE card_events (
    id INTEGER PRIMARY KEY,
    card INTEGER NOT NULL REFERENCES cards,
    event TEXT NOT NULL CHECK (event IN ('deactivated', 'disabled', 'enabled', 'unlocked')),
    reason TEXT,
    run_id INTEGER NOT NULL REFERENCES runs
) STRICT;
CREATE UNIQUE INDEX card_events_deactivated ON card_events (card) WHERE event = 'deactivated';
CREATE INDEX card_events_card ON card_events (card);

-- A lost card: what was on it has moved to its successor, and it is dead. A card may be the successor of several.
CREATE TABLE transfers (
    id INTEGER PRIMARY KEY,
    card INTEGER NOT NULL UNIQUE REFERENCES cards,
    successor INTEGER NOT NULL REFERENCES cards CHECK (successor <> card),
    reason TEXT,
    run_id INTEGER NOT NULL REFERENCES runs
) STRICT;
CREATE INDEX transfers_successor ON transfers (successor);

-- A card's PIN as a slow salted hash, such as scrypt:16384:8:5; the newest counts.
CREATE TABLE pins (
    id INTEGER PRIMARY KEY,
    card INTEGER NOT NULL REFERENCES cards,
    method TEXT NOT NULL,
    salt BLOB NOT NULL CHECK (length(salt) >= 16),
    hash BLOB NOT NULL CHECK (length(hash) = 32),
    run_id INTEGER NOT NULL REFERENCES runs
) STRICT;
CREATE INDEX pins_card ON pins (card);


-- ## Money: amounts stand here and nowhere else; balances and totals are computed from them, so no stored figure can disagree.

-- Every movement of money, in minor units of the campaign's currency, signed from the card's point of view. What is owed
-- in cash, and what is kept back as a fee, has no card. A refund line is funded by one entry 1 and perhaps further ones;
-- funding 2 is the next time, after the first was undone and reopened. reason is the name of the rule that made a bonus or
-- a fee, or the operator's word. What takes a credit back names it as related_transaction, and has its line and contra
-- account: so what a campaign has given, net of undo, is the sum over these accounts.
CREATE TABLE transactions (
    id INTEGER PRIMARY KEY,
    campaign INTEGER NOT NULL,
    card INTEGER REFERENCES cards,
    line INTEGER REFERENCES line_versions,
    -- OR rather than IN: for a list of three or more SQLite makes a table at each row, which costs half a second a million.
    type TEXT NOT NULL CHECK (
        type = 'CREDITS_ADDITION' OR type = 'CREDITS_REDEMPTION' OR type = 'CREDITS_REFUND' OR type = 'CREDITS_REMOVAL'
    ),
    bucket TEXT NOT NULL CHECK (bucket = 'paid' OR bucket = 'bonus' OR bucket = 'cash' OR bucket = 'fee'),
    amount_minor INTEGER NOT NULL CHECK (amount_minor <> 0),
    contra_account TEXT NOT NULL CHECK (
        contra_account = 'refunds_owed' OR contra_account = 'bonuses_owed' OR contra_account = 'sales'
        OR contra_account = 'goodwill' OR contra_account = 'adjustments' OR contra_account = 'transfers'
        OR contra_account = 'cash_owed' OR contra_account = 'lapsed' OR contra_account = 'breakage'
    ),
    entry INTEGER CHECK (entry >= 1),
    funding INTEGER CHECK (funding >= 1),
    reason TEXT,
    related_transaction INTEGER REFERENCES transactions,
    run_id INTEGER NOT NULL,
    CHECK (card IS NOT NULL OR line IS NOT NULL),
    CHECK ((bucket = 'cash' OR bucket = 'fee') = (card IS NULL)),
    CHECK ((entry IS NOT NULL) = (type = 'CREDITS_ADDITION' AND line IS NOT NULL)),
    CHECK ((entry IS NULL) = (funding IS NULL)),
    CHECK ((type IN ('CREDITS_ADDITION', 'CREDITS_REFUND')) = (amount_minor > 0))
) STRICT;
CREATE UNIQUE INDEX transactions_funded_line ON transactions (line, funding) WHERE entry = 1;
CREATE UNIQUE INDEX transactions_further_entries ON transactions (line, funding, entry) WHERE entry > 1;
CREATE INDEX transactions_other_lines ON transactions (line) WHERE entry IS NULL AND line IS NOT NULL;
CREATE INDEX transactions_related ON transactions (related_transaction) WHERE related_transaction IS NOT NULL;
-- Bucket and amount stand in it so that the trigger against overdrafts reads nothing else: a card may have thousands of them.
CREATE INDEX transactions_card ON transactions (card, id, bucket, amount_minor) WHERE card IS NOT NULL;

-- Each card's balance in minor units, by bucket and whole.
CREATE VIEW card_balances AS
SELECT
    card,
    sum(amount_minor) AS balance_minor,
    sum(amount_minor) FILTER (WHERE bucket = 'paid') AS paid_minor,
    sum(amount_minor) FILTER (WHERE bucket = 'bonus') AS bonus_minor
FROM transactions
WHERE card IS NOT NULL
GROUP BY card;

-- The transactions with the names that a person reads.
CREATE VIEW statement AS
SELECT
    transactions.id,
    campaigns.name AS campaign,
    'c' || transactions.card AS card_id,
    transactions.type,
    transactions.bucket,
    transactions.amount_minor,
    campaigns.currency,
    bookings.booking_id,
    transactions.contra_account,
    transactions.reason,
    transactions.related_transaction,
    transactions.run_id,
    runs.started_at AS created_at
FROM transactions
JOIN campaigns ON campaigns.id = transactions.campaign
JOIN runs ON runs.id = transactions.run_id
LEFT JOIN line_versions ON line_versions.id = transactions.line
LEFT JOIN bookings ON bookings.id = line_versions.booking;


-- ## Plans, and who has agreed to them.

-- Another person has agreed to a plan; plan is the SHA-256 that the plan's file carries.
CREATE TABLE approvals (
    id INTEGER PRIMARY KEY,
    plan TEXT NOT NULL UNIQUE CHECK (length(plan) = 64),
    campaign TEXT NOT NULL,
    run_id INTEGER NOT NULL REFERENCES runs
) STRICT;

-- The runs that did what a plan said, each plan once; approval is NULL where none was needed.
CREATE TABLE applied_plans (
    id INTEGER PRIMARY KEY,
    plan TEXT NOT NULL UNIQUE CHECK (length(plan) = 64),
    approval INTEGER REFERENCES approvals,
    run_id INTEGER NOT NULL UNIQUE REFERENCES runs
) STRICT;


-- ## Hand-overs to mail tools.

-- Credits that are handed over together: reserved by the transaction that funds, so that nobody is mailed twice.
-- Balances in its file are as of last_transaction. everyone is 1 for --all.
CREATE TABLE batches (
    id INTEGER PRIMARY KEY,
    campaign INTEGER NOT NULL REFERENCES campaigns,
    tool TEXT NOT NULL,
    directory TEXT NOT NULL,
    file_name TEXT NOT NULL,
    everyone INTEGER NOT NULL CHECK (everyone IN (0, 1)),
    last_transaction INTEGER NOT NULL,
    run_id INTEGER NOT NULL REFERENCES runs
) STRICT;

-- Which credits a batch holds: all of its campaign's credits whose ids lie between the two, both included.
CREATE TABLE batch_ranges (
    id INTEGER PRIMARY KEY,
    batch INTEGER NOT NULL REFERENCES batches,
    campaign INTEGER NOT NULL REFERENCES campaigns,
    tool TEXT NOT NULL,
    first_transaction INTEGER NOT NULL,
    last_transaction INTEGER NOT NULL CHECK (last_transaction >= first_transaction),
    run_id INTEGER NOT NULL REFERENCES runs
) STRICT;
CREATE UNIQUE INDEX batch_ranges_first ON batch_ranges (campaign, tool, first_transaction);
CREATE INDEX batch_ranges_batch ON batch_ranges (batch);

-- The batch's files are complete and in place. files is JSON: path, rows, sha256.
CREATE TABLE deliveries (
    id INTEGER PRIMARY KEY,
    batch INTEGER NOT NULL UNIQUE REFERENCES batches,
    files TEXT NOT NULL CHECK (json_valid(files)),
    run_id INTEGER NOT NULL REFERENCES runs
) STRICT;


-- ## Purchases with cards.

-- A purchase paid with a card. Its id is that of its first transaction; a second one, of the other bucket, names it as
-- related_transaction. customer is who was named as buying; pin is the PIN that was asked for; redeemed_at is when a till
-- that works on its own says it was.
CREATE TABLE redemptions (
    id INTEGER PRIMARY KEY REFERENCES transactions,
    card INTEGER NOT NULL REFERENCES cards,
    customer INTEGER REFERENCES customers,
    invoice TEXT CHECK (length(invoice) BETWEEN 1 AND 100),
    order_total_minor INTEGER CHECK (order_total_minor > 0),
    pin INTEGER REFERENCES pins,
    redeemed_at TEXT,
    run_id INTEGER NOT NULL REFERENCES runs
) STRICT;
CREATE UNIQUE INDEX redemptions_invoice ON redemptions (card, invoice) WHERE invoice IS NOT NULL;
CREATE INDEX redemptions_card ON redemptions (card);

-- A redemption was given back, in part or whole: once.
CREATE TABLE rollbacks (
    id INTEGER PRIMARY KEY,
    redemption INTEGER NOT NULL UNIQUE REFERENCES redemptions,
    reason TEXT,
    run_id INTEGER NOT NULL REFERENCES runs
) STRICT;

-- A till that works on its own has taken more than a card held, or from one that was not to be used: nothing was posted.
CREATE TABLE refused_redemptions (
    id INTEGER PRIMARY KEY,
    card INTEGER NOT NULL REFERENCES cards,
    invoice TEXT NOT NULL,
    amount_minor INTEGER NOT NULL CHECK (amount_minor > 0),
    error_code TEXT NOT NULL,
    run_id INTEGER NOT NULL REFERENCES runs
) STRICT;
CREATE UNIQUE INDEX refused_redemptions_once ON refused_redemptions (card, invoice, amount_minor, error_code);


-- ## Cash instead of a card, and what is owed in cash.

-- A customer wants cash instead: the card is frozen. id is the transaction that took `paid` off the card; a bonus that
-- lapsed with it names that as related_transaction.
CREATE TABLE cashouts (
    id INTEGER PRIMARY KEY REFERENCES transactions,
    card INTEGER NOT NULL REFERENCES cards,
    reason TEXT NOT NULL,
    run_id INTEGER NOT NULL REFERENCES runs
) STRICT;
CREATE INDEX cashouts_card ON cashouts (card);

-- How a debt in cash ended: `debt` is the transaction that made it, a cash-out's or one of the bucket cash.
CREATE TABLE cash_outcomes (
    id INTEGER PRIMARY KEY,
    debt INTEGER NOT NULL UNIQUE REFERENCES transactions,
    outcome TEXT NOT NULL CHECK (outcome IN ('paid', 'cancelled')),
    reference TEXT,
    run_id INTEGER NOT NULL REFERENCES runs
) STRICT;

-- A file for the bank, and the debts in it. A debt is in one file at a time: again only after the bank has rejected it.
CREATE TABLE cash_files (
    id INTEGER PRIMARY KEY,
    path TEXT NOT NULL,
    format TEXT NOT NULL,
    run_id INTEGER NOT NULL REFERENCES runs
) STRICT;
CREATE TABLE cash_orders (
    id INTEGER PRIMARY KEY,
    cash_file INTEGER NOT NULL REFERENCES cash_files,
    debt INTEGER NOT NULL REFERENCES transactions,
    run_id INTEGER NOT NULL REFERENCES runs
) STRICT;
CREATE INDEX cash_orders_debt ON cash_orders (debt);
CREATE INDEX cash_orders_file ON cash_orders (cash_file);

-- The bank has rejected an order: the debt is open again.
CREATE TABLE cash_rejections (
    id INTEGER PRIMARY KEY,
    cash_order INTEGER NOT NULL UNIQUE REFERENCES cash_orders,
    reference TEXT,
    run_id INTEGER NOT NULL REFERENCES runs
) STRICT;

-- The bank's file is complete and in place. files is JSON: path, rows, sha256.
CREATE TABLE cash_deliveries (
    id INTEGER PRIMARY KEY,
    cash_file INTEGER NOT NULL UNIQUE REFERENCES cash_files,
    files TEXT NOT NULL CHECK (json_valid(files)),
    run_id INTEGER NOT NULL REFERENCES runs
) STRICT;


-- ## What was undone.

-- A run, or a step of one, was taken back, except for what was spent.
CREATE TABLE undoings (
    id INTEGER PRIMARY KEY,
    undone_run INTEGER NOT NULL UNIQUE REFERENCES runs,
    reason TEXT,
    run_id INTEGER NOT NULL REFERENCES runs
) STRICT;

-- The refund lines of an undone run: they are not funded again until it is reopened.
CREATE TABLE undone_lines (
    id INTEGER PRIMARY KEY,
    line INTEGER NOT NULL REFERENCES line_versions,
    undone_run INTEGER NOT NULL REFERENCES undoings (undone_run),
    run_id INTEGER NOT NULL REFERENCES runs
) STRICT;
CREATE UNIQUE INDEX undone_lines_line ON undone_lines (line, undone_run);

-- The lines of an undone run may be funded again.
CREATE TABLE reopenings (
    id INTEGER PRIMARY KEY,
    undone_run INTEGER NOT NULL UNIQUE REFERENCES undoings (undone_run),
    run_id INTEGER NOT NULL REFERENCES runs
) STRICT;


-- ## Guards: what must never happen is refused here, whoever writes.

-- Only a card of the campaign's own pool gets a holder.
CREATE TRIGGER assignments_from_pool BEFORE INSERT ON assignments
WHEN NOT EXISTS (SELECT 1 FROM cards WHERE id = NEW.card AND campaign = NEW.campaign AND customer IS NULL)
BEGIN SELECT RAISE(ABORT, 'only a card of the campaign''s pool can be assigned'); END;

-- Only a card of a pool is handed out without a holder.
CREATE TRIGGER activations_from_pool BEFORE INSERT ON activations
WHEN NOT EXISTS (SELECT 1 FROM cards WHERE id = NEW.card AND customer IS NULL)
BEGIN SELECT RAISE(ABORT, 'only a card of a pool can be activated'); END;

-- What ends as a debt in cash is one, and only what a customer has asked for can be cancelled.
CREATE TRIGGER cash_outcomes_of_debts BEFORE INSERT ON cash_outcomes
WHEN NOT EXISTS (SELECT 1 FROM cashouts WHERE id = NEW.debt) AND (
    NEW.outcome = 'cancelled'
    OR NOT EXISTS (SELECT 1 FROM transactions WHERE id = NEW.debt AND bucket = 'cash' AND type = 'CREDITS_ADDITION')
)
BEGIN SELECT RAISE(ABORT, 'only a debt in cash is paid, and only a cash-out cancelled'); END;

-- No bucket of a card goes below zero.
CREATE TRIGGER transactions_no_overdraft BEFORE INSERT ON transactions
WHEN NEW.amount_minor < 0 AND NEW.card IS NOT NULL
BEGIN
    SELECT RAISE(ABORT, 'a card''s bucket can''t go below zero')
    WHERE NEW.amount_minor + (
        SELECT coalesce(sum(amount_minor), 0) FROM transactions WHERE card = NEW.card AND bucket = NEW.bucket
    ) < 0;
END;

-- No redemption is given back beyond what it took. What takes the other bucket's part names the first transaction too: so
-- only what gives back is counted beside the one that is named.
CREATE TRIGGER transactions_given_back BEFORE INSERT ON transactions
WHEN NEW.type = 'CREDITS_REFUND'
BEGIN
    SELECT RAISE(ABORT, 'no more is given back than was taken')
    WHERE NEW.amount_minor + coalesce(
        (
            SELECT amount_minor FROM transactions
            WHERE id = NEW.related_transaction AND type = 'CREDITS_REDEMPTION' AND bucket = NEW.bucket
        ),
        0
    ) + coalesce(
        (
            SELECT sum(amount_minor) FROM transactions
            WHERE related_transaction = NEW.related_transaction AND type = 'CREDITS_REFUND'
        ),
        0
    ) > 0;
END;

-- Nothing is bought with a card that is dead, blocked or frozen, or of nobody and not handed out.
CREATE TRIGGER redemptions_of_live_cards BEFORE INSERT ON redemptions
BEGIN
    SELECT RAISE(ABORT, 'this card can''t be redeemed')
    WHERE EXISTS (SELECT 1 FROM card_events WHERE card = NEW.card AND event = 'deactivated')
        OR EXISTS (SELECT 1 FROM transfers WHERE card = NEW.card)
        OR (
            SELECT event FROM card_events WHERE card = NEW.card AND event IN ('disabled', 'enabled')
            ORDER BY id DESC LIMIT 1
        ) = 'disabled'
        OR EXISTS (
            SELECT 1 FROM cashouts
            WHERE card = NEW.card AND NOT EXISTS (SELECT 1 FROM cash_outcomes WHERE debt = cashouts.id AND outcome = 'cancelled')
        )
        OR NOT EXISTS (
            SELECT 1 FROM cards WHERE id = NEW.card AND (
                customer IS NOT NULL OR EXISTS (SELECT 1 FROM assignments WHERE card = NEW.card)
                OR EXISTS (SELECT 1 FROM activations WHERE card = NEW.card)
            )
        );
END;

-- A card is blocked and let go in turn.
CREATE TRIGGER card_events_in_turn BEFORE INSERT ON card_events
WHEN NEW.event IN ('disabled', 'enabled') AND NEW.event = coalesce(
    (
        SELECT event FROM card_events WHERE card = NEW.card AND event IN ('disabled', 'enabled')
        ORDER BY id DESC LIMIT 1
    ),
    'enabled'
)
BEGIN SELECT RAISE(ABORT, 'a card is disabled and enabled in turn'); END;

-- A debt in cash is in one file for the bank at a time, and in none once it has ended.
CREATE TRIGGER cash_orders_apart BEFORE INSERT ON cash_orders
WHEN EXISTS (
    SELECT 1 FROM cash_orders AS other
    WHERE other.debt = NEW.debt AND NOT EXISTS (SELECT 1 FROM cash_rejections WHERE cash_order = other.id)
) OR EXISTS (SELECT 1 FROM cash_outcomes WHERE debt = NEW.debt)
BEGIN SELECT RAISE(ABORT, 'a debt in cash is paid once'); END;

-- What is in a file for the bank can't be cancelled.
CREATE TRIGGER cash_outcomes_not_ordered BEFORE INSERT ON cash_outcomes
WHEN NEW.outcome = 'cancelled' AND EXISTS (
    SELECT 1 FROM cash_orders
    WHERE debt = NEW.debt AND NOT EXISTS (SELECT 1 FROM cash_rejections WHERE cash_order = cash_orders.id)
)
BEGIN SELECT RAISE(ABORT, 'what is in a file for the bank can''t be cancelled'); END;

-- Nobody applies a plan with an approval of their own, or with one of another plan.
CREATE TRIGGER applied_plans_four_eyes BEFORE INSERT ON applied_plans WHEN NEW.approval IS NOT NULL
BEGIN
    SELECT RAISE(ABORT, 'a plan is applied with another person''s approval of it')
    WHERE NOT EXISTS (
        SELECT 1
        FROM approvals
        JOIN runs AS approving ON approving.id = approvals.run_id
        JOIN runs AS applying ON applying.id = NEW.run_id
        WHERE approvals.id = NEW.approval AND approvals.plan = NEW.plan AND approving.user_id <> applying.user_id
    );
END;

-- A campaign that is paused can only be resumed, and the other way round.
CREATE TRIGGER campaign_events_in_turn BEFORE INSERT ON campaign_events
WHEN NEW.event = coalesce(
    (SELECT event FROM campaign_events WHERE campaign = NEW.campaign ORDER BY id DESC LIMIT 1), 'resumed'
)
BEGIN SELECT RAISE(ABORT, 'a campaign is paused and resumed in turn'); END;

-- A refund line is funded again only after the time before was undone and reopened.
CREATE TRIGGER transactions_funded_again BEFORE INSERT ON transactions
WHEN NEW.entry = 1 AND NEW.funding > 1
BEGIN
    SELECT RAISE(ABORT, 'a refund line is funded again only after its funding was undone and reopened')
    WHERE NOT EXISTS (
        SELECT 1 FROM transactions AS before JOIN reopenings ON reopenings.undone_run = before.run_id
        WHERE before.line = NEW.line AND before.entry = 1 AND before.funding = NEW.funding - 1
    );
END;

-- A credit is in one batch per mail tool at most.
CREATE TRIGGER batch_ranges_apart BEFORE INSERT ON batch_ranges
WHEN EXISTS (SELECT 1 FROM batch_ranges WHERE id = NEW.id) OR NEW.first_transaction <= (
    -- As ranges never overlap, only the last one that begins in time can reach into the new one.
    SELECT last_transaction FROM batch_ranges
    WHERE campaign = NEW.campaign AND tool = NEW.tool AND first_transaction <= NEW.last_transaction
    ORDER BY first_transaction DESC LIMIT 1
)
BEGIN SELECT RAISE(ABORT, 'a credit can be in one batch of a mail tool only'); END;

-- Facts are append-only: a change is a new row. INSERT OR REPLACE walks past a delete trigger in connections that have
-- recursive_triggers off; refundctl's have it on.
CREATE TRIGGER ledger_no_update BEFORE UPDATE ON ledger BEGIN SELECT RAISE(ABORT, 'ledger is append-only: add a row instead'); END;
CREATE TRIGGER ledger_no_delete BEFORE DELETE ON ledger BEGIN SELECT RAISE(ABORT, 'ledger is append-only: add a row instead'); END;
CREATE TRIGGER ledger_no_replace BEFORE INSERT ON ledger WHEN EXISTS (SELECT 1 FROM ledger WHERE id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'ledger is append-only: add a row instead'); END;
CREATE TRIGGER runs_no_update BEFORE UPDATE ON runs BEGIN SELECT RAISE(ABORT, 'runs is append-only: add a row instead'); END;
CREATE TRIGGER runs_no_delete BEFORE DELETE ON runs BEGIN SELECT RAISE(ABORT, 'runs is append-only: add a row instead'); END;
CREATE TRIGGER runs_no_replace BEFORE INSERT ON runs WHEN EXISTS (SELECT 1 FROM runs WHERE id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'runs is append-only: add a row instead'); END;
CREATE TRIGGER run_outcomes_no_update BEFORE UPDATE ON run_outcomes BEGIN SELECT RAISE(ABORT, 'run_outcomes is append-only: add a row instead'); END;
CREATE TRIGGER run_outcomes_no_delete BEFORE DELETE ON run_outcomes BEGIN SELECT RAISE(ABORT, 'run_outcomes is append-only: add a row instead'); END;
CREATE TRIGGER run_outcomes_no_replace BEFORE INSERT ON run_outcomes WHEN EXISTS (SELECT 1 FROM run_outcomes WHERE run_id = NEW.run_id)
BEGIN SELECT RAISE(ABORT, 'run_outcomes is append-only: add a row instead'); END;
CREATE TRIGGER seals_no_update BEFORE UPDATE ON seals BEGIN SELECT RAISE(ABORT, 'seals is append-only: add a row instead'); END;
CREATE TRIGGER seals_no_delete BEFORE DELETE ON seals BEGIN SELECT RAISE(ABORT, 'seals is append-only: add a row instead'); END;
CREATE TRIGGER seals_no_replace BEFORE INSERT ON seals WHEN EXISTS (SELECT 1 FROM seals WHERE id = NEW.id OR run_id = NEW.run_id)
BEGIN SELECT RAISE(ABORT, 'seals is append-only: add a row instead'); END;
CREATE TRIGGER attempts_no_update BEFORE UPDATE ON attempts BEGIN SELECT RAISE(ABORT, 'attempts is append-only: add a row instead'); END;
CREATE TRIGGER attempts_no_delete BEFORE DELETE ON attempts BEGIN SELECT RAISE(ABORT, 'attempts is append-only: add a row instead'); END;
CREATE TRIGGER attempts_no_replace BEFORE INSERT ON attempts WHEN EXISTS (SELECT 1 FROM attempts WHERE id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'attempts is append-only: add a row instead'); END;
CREATE TRIGGER idempotency_keys_no_update BEFORE UPDATE ON idempotency_keys BEGIN SELECT RAISE(ABORT, 'idempotency_keys is append-only: add a row instead'); END;
CREATE TRIGGER idempotency_keys_no_delete BEFORE DELETE ON idempotency_keys BEGIN SELECT RAISE(ABORT, 'idempotency_keys is append-only: add a row instead'); END;
CREATE TRIGGER idempotency_keys_no_replace BEFORE INSERT ON idempotency_keys WHEN EXISTS (SELECT 1 FROM idempotency_keys WHERE id = NEW.id OR idempotency_key = NEW.idempotency_key)
BEGIN SELECT RAISE(ABORT, 'idempotency_keys is append-only: add a row instead'); END;
CREATE TRIGGER campaigns_no_update BEFORE UPDATE ON campaigns BEGIN SELECT RAISE(ABORT, 'campaigns is append-only: add a row instead'); END;
CREATE TRIGGER campaigns_no_delete BEFORE DELETE ON campaigns BEGIN SELECT RAISE(ABORT, 'campaigns is append-only: add a row instead'); END;
CREATE TRIGGER campaigns_no_replace BEFORE INSERT ON campaigns WHEN EXISTS (SELECT 1 FROM campaigns WHERE id = NEW.id OR name = NEW.name)
BEGIN SELECT RAISE(ABORT, 'campaigns is append-only: add a row instead'); END;
CREATE TRIGGER definitions_no_update BEFORE UPDATE ON definitions BEGIN SELECT RAISE(ABORT, 'definitions is append-only: add a row instead'); END;
CREATE TRIGGER definitions_no_delete BEFORE DELETE ON definitions BEGIN SELECT RAISE(ABORT, 'definitions is append-only: add a row instead'); END;
CREATE TRIGGER definitions_no_replace BEFORE INSERT ON definitions WHEN EXISTS (SELECT 1 FROM definitions WHERE id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'definitions is append-only: add a row instead'); END;
CREATE TRIGGER campaign_events_no_update BEFORE UPDATE ON campaign_events BEGIN SELECT RAISE(ABORT, 'campaign_events is append-only: add a row instead'); END;
CREATE TRIGGER campaign_events_no_delete BEFORE DELETE ON campaign_events BEGIN SELECT RAISE(ABORT, 'campaign_events is append-only: add a row instead'); END;
CREATE TRIGGER campaign_events_no_replace BEFORE INSERT ON campaign_events WHEN EXISTS (SELECT 1 FROM campaign_events WHERE id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'campaign_events is append-only: add a row instead'); END;
CREATE TRIGGER customer_versions_no_update BEFORE UPDATE ON customer_versions BEGIN SELECT RAISE(ABORT, 'customer_versions is append-only: add a row instead'); END;
CREATE TRIGGER customer_versions_no_delete BEFORE DELETE ON customer_versions BEGIN SELECT RAISE(ABORT, 'customer_versions is append-only: add a row instead'); END;
CREATE TRIGGER erasures_no_update BEFORE UPDATE ON erasures BEGIN SELECT RAISE(ABORT, 'erasures is append-only: add a row instead'); END;
CREATE TRIGGER erasures_no_delete BEFORE DELETE ON erasures BEGIN SELECT RAISE(ABORT, 'erasures is append-only: add a row instead'); END;
CREATE TRIGGER erasures_no_replace BEFORE INSERT ON erasures WHEN EXISTS (SELECT 1 FROM erasures WHERE id = NEW.id OR customer = NEW.customer)
BEGIN SELECT RAISE(ABORT, 'erasures is append-only: add a row instead'); END;
CREATE TRIGGER segments_no_update BEFORE UPDATE ON segments BEGIN SELECT RAISE(ABORT, 'segments is append-only: add a row instead'); END;
CREATE TRIGGER segments_no_delete BEFORE DELETE ON segments BEGIN SELECT RAISE(ABORT, 'segments is append-only: add a row instead'); END;
CREATE TRIGGER segments_no_replace BEFORE INSERT ON segments WHEN EXISTS (SELECT 1 FROM segments WHERE id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'segments is append-only: add a row instead'); END;
CREATE TRIGGER bookings_no_update BEFORE UPDATE ON bookings BEGIN SELECT RAISE(ABORT, 'bookings is append-only: add a row instead'); END;
CREATE TRIGGER bookings_no_delete BEFORE DELETE ON bookings BEGIN SELECT RAISE(ABORT, 'bookings is append-only: add a row instead'); END;
CREATE TRIGGER line_versions_no_update BEFORE UPDATE ON line_versions BEGIN SELECT RAISE(ABORT, 'line_versions is append-only: add a row instead'); END;
CREATE TRIGGER line_versions_no_delete BEFORE DELETE ON line_versions BEGIN SELECT RAISE(ABORT, 'line_versions is append-only: add a row instead'); END;
CREATE TRIGGER cards_no_update BEFORE UPDATE ON cards BEGIN SELECT RAISE(ABORT, 'cards is append-only: add a row instead'); END;
CREATE TRIGGER cards_no_delete BEFORE DELETE ON cards BEGIN SELECT RAISE(ABORT, 'cards is append-only: add a row instead'); END;
CREATE TRIGGER assignments_no_update BEFORE UPDATE ON assignments BEGIN SELECT RAISE(ABORT, 'assignments is append-only: add a row instead'); END;
CREATE TRIGGER assignments_no_delete BEFORE DELETE ON assignments BEGIN SELECT RAISE(ABORT, 'assignments is append-only: add a row instead'); END;
CREATE TRIGGER assignments_no_replace BEFORE INSERT ON assignments WHEN EXISTS (SELECT 1 FROM assignments WHERE id = NEW.id OR card = NEW.card)
BEGIN SELECT RAISE(ABORT, 'assignments is append-only: add a row instead'); END;
CREATE TRIGGER codes_no_update BEFORE UPDATE ON codes BEGIN SELECT RAISE(ABORT, 'codes is append-only: add a row instead'); END;
CREATE TRIGGER codes_no_delete BEFORE DELETE ON codes BEGIN SELECT RAISE(ABORT, 'codes is append-only: add a row instead'); END;
CREATE TRIGGER extensions_no_update BEFORE UPDATE ON extensions BEGIN SELECT RAISE(ABORT, 'extensions is append-only: add a row instead'); END;
CREATE TRIGGER extensions_no_delete BEFORE DELETE ON extensions BEGIN SELECT RAISE(ABORT, 'extensions is append-only: add a row instead'); END;
CREATE TRIGGER extensions_no_replace BEFORE INSERT ON extensions WHEN EXISTS (SELECT 1 FROM extensions WHERE id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'extensions is append-only: add a row instead'); END;
CREATE TRIGGER activations_no_update BEFORE UPDATE ON activations BEGIN SELECT RAISE(ABORT, 'activations is append-only: add a row instead'); END;
CREATE TRIGGER activations_no_delete BEFORE DELETE ON activations BEGIN SELECT RAISE(ABORT, 'activations is append-only: add a row instead'); END;
CREATE TRIGGER activations_no_replace BEFORE INSERT ON activations WHEN EXISTS (SELECT 1 FROM activations WHERE id = NEW.id OR card = NEW.card)
BEGIN SELECT RAISE(ABORT, 'activations is append-only: add a row instead'); END;
CREATE TRIGGER card_events_no_update BEFORE UPDATE ON card_events BEGIN SELECT RAISE(ABORT, 'card_events is append-only: add a row instead'); END;
CREATE TRIGGER card_events_no_delete BEFORE DELETE ON card_events BEGIN SELECT RAISE(ABORT, 'card_events is append-only: add a row instead'); END;
CREATE TRIGGER card_events_no_replace BEFORE INSERT ON card_events WHEN EXISTS (SELECT 1 FROM card_events WHERE id = NEW.id OR (card = NEW.card AND event = 'deactivated' AND NEW.event = 'deactivated'))
BEGIN SELECT RAISE(ABORT, 'card_events is append-only: add a row instead'); END;
CREATE TRIGGER transfers_no_update BEFORE UPDATE ON transfers BEGIN SELECT RAISE(ABORT, 'transfers is append-only: add a row instead'); END;
CREATE TRIGGER transfers_no_delete BEFORE DELETE ON transfers BEGIN SELECT RAISE(ABORT, 'transfers is append-only: add a row instead'); END;
CREATE TRIGGER transfers_no_replace BEFORE INSERT ON transfers WHEN EXISTS (SELECT 1 FROM transfers WHERE id = NEW.id OR card = NEW.card)
BEGIN SELECT RAISE(ABORT, 'transfers is append-only: add a row instead'); END;
CREATE TRIGGER pins_no_update BEFORE UPDATE ON pins BEGIN SELECT RAISE(ABORT, 'pins is append-only: add a row instead'); END;
CREATE TRIGGER pins_no_delete BEFORE DELETE ON pins BEGIN SELECT RAISE(ABORT, 'pins is append-only: add a row instead'); END;
CREATE TRIGGER pins_no_replace BEFORE INSERT ON pins WHEN EXISTS (SELECT 1 FROM pins WHERE id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'pins is append-only: add a row instead'); END;
CREATE TRIGGER transactions_no_update BEFORE UPDATE ON transactions BEGIN SELECT RAISE(ABORT, 'transactions is append-only: add a row instead'); END;
CREATE TRIGGER transactions_no_delete BEFORE DELETE ON transactions BEGIN SELECT RAISE(ABORT, 'transactions is append-only: add a row instead'); END;
CREATE TRIGGER approvals_no_update BEFORE UPDATE ON approvals BEGIN SELECT RAISE(ABORT, 'approvals is append-only: add a row instead'); END;
CREATE TRIGGER approvals_no_delete BEFORE DELETE ON approvals BEGIN SELECT RAISE(ABORT, 'approvals is append-only: add a row instead'); END;
CREATE TRIGGER approvals_no_replace BEFORE INSERT ON approvals WHEN EXISTS (SELECT 1 FROM approvals WHERE id = NEW.id OR plan = NEW.plan)
BEGIN SELECT RAISE(ABORT, 'approvals is append-only: add a row instead'); END;
CREATE TRIGGER applied_plans_no_update BEFORE UPDATE ON applied_plans BEGIN SELECT RAISE(ABORT, 'applied_plans is append-only: add a row instead'); END;
CREATE TRIGGER applied_plans_no_delete BEFORE DELETE ON applied_plans BEGIN SELECT RAISE(ABORT, 'applied_plans is append-only: add a row instead'); END;
CREATE TRIGGER applied_plans_no_replace BEFORE INSERT ON applied_plans WHEN EXISTS (SELECT 1 FROM applied_plans WHERE id = NEW.id OR plan = NEW.plan OR run_id = NEW.run_id)
BEGIN SELECT RAISE(ABORT, 'applied_plans is append-only: add a row instead'); END;
CREATE TRIGGER batches_no_update BEFORE UPDATE ON batches BEGIN SELECT RAISE(ABORT, 'batches is append-only: add a row instead'); END;
CREATE TRIGGER batches_no_delete BEFORE DELETE ON batches BEGIN SELECT RAISE(ABORT, 'batches is append-only: add a row instead'); END;
CREATE TRIGGER batches_no_replace BEFORE INSERT ON batches WHEN EXISTS (SELECT 1 FROM batches WHERE id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'batches is append-only: add a row instead'); END;
CREATE TRIGGER batch_ranges_no_update BEFORE UPDATE ON batch_ranges BEGIN SELECT RAISE(ABORT, 'batch_ranges is append-only: add a row instead'); END;
CREATE TRIGGER batch_ranges_no_delete BEFORE DELETE ON batch_ranges BEGIN SELECT RAISE(ABORT, 'batch_ranges is append-only: add a row instead'); END;
CREATE TRIGGER deliveries_no_update BEFORE UPDATE ON deliveries BEGIN SELECT RAISE(ABORT, 'deliveries is append-only: add a row instead'); END;
CREATE TRIGGER deliveries_no_delete BEFORE DELETE ON deliveries BEGIN SELECT RAISE(ABORT, 'deliveries is append-only: add a row instead'); END;
CREATE TRIGGER deliveries_no_replace BEFORE INSERT ON deliveries WHEN EXISTS (SELECT 1 FROM deliveries WHERE id = NEW.id OR batch = NEW.batch)
BEGIN SELECT RAISE(ABORT, 'deliveries is append-only: add a row instead'); END;
CREATE TRIGGER redemptions_no_update BEFORE UPDATE ON redemptions BEGIN SELECT RAISE(ABORT, 'redemptions is append-only: add a row instead'); END;
CREATE TRIGGER redemptions_no_delete BEFORE DELETE ON redemptions BEGIN SELECT RAISE(ABORT, 'redemptions is append-only: add a row instead'); END;
CREATE TRIGGER redemptions_no_replace BEFORE INSERT ON redemptions WHEN EXISTS (SELECT 1 FROM redemptions WHERE id = NEW.id OR (card = NEW.card AND invoice = NEW.invoice))
BEGIN SELECT RAISE(ABORT, 'redemptions is append-only: add a row instead'); END;
CREATE TRIGGER rollbacks_no_update BEFORE UPDATE ON rollbacks BEGIN SELECT RAISE(ABORT, 'rollbacks is append-only: add a row instead'); END;
CREATE TRIGGER rollbacks_no_delete BEFORE DELETE ON rollbacks BEGIN SELECT RAISE(ABORT, 'rollbacks is append-only: add a row instead'); END;
CREATE TRIGGER rollbacks_no_replace BEFORE INSERT ON rollbacks WHEN EXISTS (SELECT 1 FROM rollbacks WHERE id = NEW.id OR redemption = NEW.redemption)
BEGIN SELECT RAISE(ABORT, 'rollbacks is append-only: add a row instead'); END;
CREATE TRIGGER refused_redemptions_no_update BEFORE UPDATE ON refused_redemptions BEGIN SELECT RAISE(ABORT, 'refused_redemptions is append-only: add a row instead'); END;
CREATE TRIGGER refused_redemptions_no_delete BEFORE DELETE ON refused_redemptions BEGIN SELECT RAISE(ABORT, 'refused_redemptions is append-only: add a row instead'); END;
CREATE TRIGGER refused_redemptions_no_replace BEFORE INSERT ON refused_redemptions WHEN EXISTS (SELECT 1 FROM refused_redemptions WHERE id = NEW.id OR (card = NEW.card AND invoice = NEW.invoice AND amount_minor = NEW.amount_minor AND error_code = NEW.error_code))
BEGIN SELECT RAISE(ABORT, 'refused_redemptions is append-only: add a row instead'); END;
CREATE TRIGGER cashouts_no_update BEFORE UPDATE ON cashouts BEGIN SELECT RAISE(ABORT, 'cashouts is append-only: add a row instead'); END;
CREATE TRIGGER cashouts_no_delete BEFORE DELETE ON cashouts BEGIN SELECT RAISE(ABORT, 'cashouts is append-only: add a row instead'); END;
CREATE TRIGGER cashouts_no_replace BEFORE INSERT ON cashouts WHEN EXISTS (SELECT 1 FROM cashouts WHERE id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'cashouts is append-only: add a row instead'); END;
CREATE TRIGGER cash_outcomes_no_update BEFORE UPDATE ON cash_outcomes BEGIN SELECT RAISE(ABORT, 'cash_outcomes is append-only: add a row instead'); END;
CREATE TRIGGER cash_outcomes_no_delete BEFORE DELETE ON cash_outcomes BEGIN SELECT RAISE(ABORT, 'cash_outcomes is append-only: add a row instead'); END;
CREATE TRIGGER cash_outcomes_no_replace BEFORE INSERT ON cash_outcomes WHEN EXISTS (SELECT 1 FROM cash_outcomes WHERE id = NEW.id OR debt = NEW.debt)
BEGIN SELECT RAISE(ABORT, 'cash_outcomes is append-only: add a row instead'); END;
CREATE TRIGGER cash_files_no_update BEFORE UPDATE ON cash_files BEGIN SELECT RAISE(ABORT, 'cash_files is append-only: add a row instead'); END;
CREATE TRIGGER cash_files_no_delete BEFORE DELETE ON cash_files BEGIN SELECT RAISE(ABORT, 'cash_files is append-only: add a row instead'); END;
CREATE TRIGGER cash_files_no_replace BEFORE INSERT ON cash_files WHEN EXISTS (SELECT 1 FROM cash_files WHERE id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'cash_files is append-only: add a row instead'); END;
CREATE TRIGGER cash_orders_no_update BEFORE UPDATE ON cash_orders BEGIN SELECT RAISE(ABORT, 'cash_orders is append-only: add a row instead'); END;
CREATE TRIGGER cash_orders_no_delete BEFORE DELETE ON cash_orders BEGIN SELECT RAISE(ABORT, 'cash_orders is append-only: add a row instead'); END;
CREATE TRIGGER cash_orders_no_replace BEFORE INSERT ON cash_orders WHEN EXISTS (SELECT 1 FROM cash_orders WHERE id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'cash_orders is append-only: add a row instead'); END;
CREATE TRIGGER cash_rejections_no_update BEFORE UPDATE ON cash_rejections BEGIN SELECT RAISE(ABORT, 'cash_rejections is append-only: add a row instead'); END;
CREATE TRIGGER cash_rejections_no_delete BEFORE DELETE ON cash_rejections BEGIN SELECT RAISE(ABORT, 'cash_rejections is append-only: add a row instead'); END;
CREATE TRIGGER cash_rejections_no_replace BEFORE INSERT ON cash_rejections WHEN EXISTS (SELECT 1 FROM cash_rejections WHERE id = NEW.id OR cash_order = NEW.cash_order)
BEGIN SELECT RAISE(ABORT, 'cash_rejections is append-only: add a row instead'); END;
CREATE TRIGGER cash_deliveries_no_update BEFORE UPDATE ON cash_deliveries BEGIN SELECT RAISE(ABORT, 'cash_deliveries is append-only: add a row instead'); END;
CREATE TRIGGER cash_deliveries_no_delete BEFORE DELETE ON cash_deliveries BEGIN SELECT RAISE(ABORT, 'cash_deliveries is append-only: add a row instead'); END;
CREATE TRIGGER cash_deliveries_no_replace BEFORE INSERT ON cash_deliveries WHEN EXISTS (SELECT 1 FROM cash_deliveries WHERE id = NEW.id OR cash_file = NEW.cash_file)
BEGIN SELECT RAISE(ABORT, 'cash_deliveries is append-only: add a row instead'); END;
CREATE TRIGGER undoings_no_update BEFORE UPDATE ON undoings BEGIN SELECT RAISE(ABORT, 'undoings is append-only: add a row instead'); END;
CREATE TRIGGER undoings_no_delete BEFORE DELETE ON undoings BEGIN SELECT RAISE(ABORT, 'undoings is append-only: add a row instead'); END;
CREATE TRIGGER undoings_no_replace BEFORE INSERT ON undoings WHEN EXISTS (SELECT 1 FROM undoings WHERE id = NEW.id OR undone_run = NEW.undone_run)
BEGIN SELECT RAISE(ABORT, 'undoings is append-only: add a row instead'); END;
CREATE TRIGGER undone_lines_no_update BEFORE UPDATE ON undone_lines BEGIN SELECT RAISE(ABORT, 'undone_lines is append-only: add a row instead'); END;
CREATE TRIGGER undone_lines_no_delete BEFORE DELETE ON undone_lines BEGIN SELECT RAISE(ABORT, 'undone_lines is append-only: add a row instead'); END;
CREATE TRIGGER undone_lines_no_replace BEFORE INSERT ON undone_lines WHEN EXISTS (SELECT 1 FROM undone_lines WHERE id = NEW.id OR (line = NEW.line AND undone_run = NEW.undone_run))
BEGIN SELECT RAISE(ABORT, 'undone_lines is append-only: add a row instead'); END;
CREATE TRIGGER reopenings_no_update BEFORE UPDATE ON reopenings BEGIN SELECT RAISE(ABORT, 'reopenings is append-only: add a row instead'); END;
CREATE TRIGGER reopenings_no_delete BEFORE DELETE ON reopenings BEGIN SELECT RAISE(ABORT, 'reopenings is append-only: add a row instead'); END;
CREATE TRIGGER reopenings_no_replace BEFORE INSERT ON reopenings WHEN EXISTS (SELECT 1 FROM reopenings WHERE id = NEW.id OR undone_run = NEW.undone_run)
BEGIN SELECT RAISE(ABORT, 'reopenings is append-only: add a row instead'); END;
