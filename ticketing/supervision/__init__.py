"""Reminders, yellow and red cards, and the sweep that gives them."""
