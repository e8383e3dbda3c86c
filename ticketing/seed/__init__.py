"""Units, people and categories of the demo city, and the functions that write them. Idempotent: natural keys decide."""
