"""Personal access tokens of the staff, and what the API remembers of a request that may come twice. No HTTP here."""
