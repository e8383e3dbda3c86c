"""Requests of the units and agents: return 退单, extension 延期, suspension 挂账, dispute 争议, refusal 不予受理.

A request is an object with its own state. It moves nothing until it is approved, and the clocks go on meanwhile (domain.md
4a, principle 2). Who asks, consents and decides stands in ticketing/seed/workflow.yaml.
"""
