"""Who did what: runs, their seals, and answers that are kept under a key."""
