"""Any table as whole rows, whatever it is packed in: CSV, gzip, ZIP, xlsx."""
