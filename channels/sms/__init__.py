"""Text messages: gateways and providers, the sender of the outbox rows of channel `sms`, citizens' messages and receipts."""
