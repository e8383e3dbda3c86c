"""Agents' SIP telephones: extensions and what the edge checks their log-in against."""
