"""Outside bytes to domain values and back: campaign YAML, booking CSV, safe writing of files."""
