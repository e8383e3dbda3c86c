"""The event log as evidence: sealed in batches, a root per day, verified from the first event to the last (docs/audit.md)."""
