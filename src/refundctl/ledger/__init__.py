"""All SQL: the connection, the schema, posting (the only writer), queries (the only reader), seals."""
