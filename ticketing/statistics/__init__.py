"""Figures: what each indicator counts, by period and place, with the list behind it. Not here: pages and files."""
