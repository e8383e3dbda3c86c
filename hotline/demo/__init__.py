"""The demo: its own keys, its city, its people and tickets. Nothing here runs in production."""
