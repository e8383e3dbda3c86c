"""Text messages: an HTTP gateway, and the sender of the outbox rows of channel `sms`. Inbound messages are a later issue."""
