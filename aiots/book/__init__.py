"""An account's day, rebuilt from its log: why each order was made, what the day came to, and the proof of the log."""
