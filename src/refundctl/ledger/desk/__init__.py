"""One card at a time: sales, returns, corrections, lists."""
