"""The paper venue: orders meet quotes, and fills come back (the venue stage)."""
