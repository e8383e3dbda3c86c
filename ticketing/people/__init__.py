"""Units, staff accounts, roles, log-in. Not here: citizens (`ticketing.citizen`)."""
