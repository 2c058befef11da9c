"""From ticks to features: clean ticks, bars, the session clock, and the indicators on them (the analytics stage)."""
