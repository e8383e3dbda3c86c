"""Units, people and categories of the demo city, and the functions that write them. Idempotent: natural keys decide.

Also here, as data only: the state machine (workflow.yaml) and the deadline policies (policies.yaml).
"""
