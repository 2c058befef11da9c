"""From signals to accounts: the router, and what a Mandate may say."""
