"""Files for mail tools."""
