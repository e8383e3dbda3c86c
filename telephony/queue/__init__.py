"""Carrying the queue out: hearing of offers and commands, ringing agents, keeping callers company. Rows: ticketing.queue."""
