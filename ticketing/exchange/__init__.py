"""Exchange of tickets with the systems of units (integration mode 2, A06): push a ticket out, take its progress back."""
