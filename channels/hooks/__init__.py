"""HTTP calls that the service makes to others: webhooks and the ticket exchange, both from the outbox."""
