"""Which version of a refund line counts: the newest of what files have said of it.

The view `refund_lines` tells it for a reader who joins few lines by their booking or number. Where many lines are gone
through, SQLite would first put all rows of the view into a table: there these fragments of SQL stand in its place. All
rest on two partial indexes, of first versions and of later ones, of which most lines have none.
"""

#: What a segment says, beside its source.
SEGMENT_COLUMNS = ("status", "channel", "category", "tier", "country", "accepted")
#: What a version says beside whose line it is, of which segment and with which metadata.
SAID = """
    order_amount_minor, refund_amount_minor, cash_amount_minor, bonus_amount_minor, currency, booked_at, cancelled_at,
    tickets
"""


def newest_version(known: str) -> str:
    """SQL for the id of the newest version of a line; `known`, an alias of line_versions, is its first."""
    return f"""coalesce(
        (
            SELECT later.id FROM line_versions AS later
            WHERE later.booking = {known}.booking AND later.refund_id = {known}.refund_id AND later.version > 1
            ORDER BY later.version DESC LIMIT 1
        ),
        {known}.id
    )"""


def is_newest_version(version: str) -> str:
    """SQL for whether `version`, an alias of line_versions, is the newest of its line: for who finds versions first."""
    return f"""NOT EXISTS (
        SELECT 1 FROM line_versions AS later
        WHERE later.booking = {version}.booking AND later.refund_id = {version}.refund_id
            AND later.version > {version}.version AND later.version > 1
    )"""
