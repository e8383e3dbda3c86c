"""Who wants to be told of events by HTTP, and which deliveries wait or failed. Sending is the work of `channels.hooks`."""
