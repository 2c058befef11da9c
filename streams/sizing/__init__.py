"""From signals to intents: sizing rules, one file each (the sizing stage)."""
