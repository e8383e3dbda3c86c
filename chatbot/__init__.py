"""Dialogue: one turn of any conversation, the complaint form, the Rasa client and the action endpoint Rasa calls."""
