"""Units, people and categories of the demo city, and the functions that write them. Idempotent: natural keys decide.

Also here, as data only: the state machine (workflow.yaml) and the deadline policies (policies.yaml).
"""

from ticketing.seed.loader import load_people, load_taxonomy, load_units, read_people, read_taxonomy, read_units

__all__ = ["load_people", "load_taxonomy", "load_units", "read_people", "read_taxonomy", "read_units"]
