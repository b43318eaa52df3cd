"""What must be true of people, and of the columns that were kept with their bookings: each is as it was sealed."""

from refundctl.ledger.checks.findings import BooksCheck
from refundctl.ledger.journal.salted_digests import METADATA_TEXT, PERSON_TEXT
from refundctl.ledger.people.finding_people import PSEUDONYMS

# Each is as the last run that spoke of them sealed it; of who was erased only a pseudonym is left.
_PERSON = f"""
    SELECT customers.id
    FROM customers
    LEFT JOIN (SELECT customer, max(id), digest FROM customer_versions GROUP BY customer) AS version
        ON version.customer = customers.id
    LEFT JOIN erasures ON erasures.customer = customers.id
    WHERE iif(
        erasures.customer IS NULL,
        salt IS NULL OR sha256({PERSON_TEXT}) IS NOT version.digest,
        coalesce(salt, email, name, phone, locale, marketing_consent, country) IS NOT NULL OR from_people_file
            OR customer_id IS NULL OR customer_id NOT GLOB '{PSEUDONYMS}'
    )
"""
# Metadata goes with whoever it was of, also where a later version of the line has only carried it on.
_OF_THE_ERASED = """
    EXISTS (
        SELECT 1 FROM line_versions AS same CROSS JOIN erasures ON erasures.customer = same.customer
        WHERE same.booking = line_versions.booking AND same.refund_id = line_versions.refund_id AND same.{versions}
    )
"""
_METADATA = f"""
    SELECT line_versions.id FROM line_metadata
    LEFT JOIN line_versions ON line_versions.id = line_metadata.line_version
    WHERE metadata_digest IS NOT sha256({METADATA_TEXT.format(salt="salt", metadata="metadata")})
    UNION ALL
    SELECT line_versions.id
    FROM line_versions
    WHERE metadata_digest IS NOT NULL
        AND NOT EXISTS (SELECT 1 FROM line_metadata WHERE line_version = line_versions.id)
        AND NOT {_OF_THE_ERASED.format(versions="version = 1")} AND NOT {_OF_THE_ERASED.format(versions="version > 1")}
"""
PEOPLE = [
    BooksCheck(
        "person_altered", "Customer number {0} is not as it was sealed: a name, e-mail or id was changed.", "", _PERSON
    )
]
METADATA = [BooksCheck("metadata_altered", "The metadata of line version {0} is not as it was sealed.", "", _METADATA)]
