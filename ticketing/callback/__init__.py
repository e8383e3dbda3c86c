"""Callbacks (回访, after the reply) and return calls (回拨, owed to a caller whom nobody answered)."""
