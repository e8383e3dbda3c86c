"""The ticket: its states, its state machine, what changes it, and the one door to it (`access`)."""
