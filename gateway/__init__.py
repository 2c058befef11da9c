"""The subscribers' door: signals, verdicts and risk reports over WebSocket and HTTP."""
