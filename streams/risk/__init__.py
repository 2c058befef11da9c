"""What an intent may become: limits, drawdown, the kill switch, and the verdicts (the risk stage)."""
