"""Deadlines: which limit applies (`policy`), when it ends (`compute`), the running clocks (`models`, `service`)."""
