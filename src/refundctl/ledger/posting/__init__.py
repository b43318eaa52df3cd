"""The only writer of facts. Every function works inside the transaction that its caller holds."""
