"""Working days. Not here: what is due when (`ticketing.deadline`)."""
