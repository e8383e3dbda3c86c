"""Who speaks with whom on which channel, what was said, and the one field that says whether bot or person owns it."""
