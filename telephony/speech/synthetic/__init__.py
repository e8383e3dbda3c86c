"""Our own tiny Mandarin speech model and what makes it. It understands synthetic callers only: see docs/speech.md."""
