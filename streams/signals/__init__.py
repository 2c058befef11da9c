"""From features to signals: strategies, one file each (the signals stage)."""
