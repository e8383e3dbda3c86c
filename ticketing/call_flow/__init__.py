"""What callers meet, as data: the flow of each number, the queues, and who is kept from the line. Telephony carries it out."""
