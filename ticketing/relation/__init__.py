"""How tickets belong together: merged into a master (并单), repeated (重复诉求), investigated by the supervisor (三次退回).

Not here: finding similar tickets (`ticketing.suggestion`), group warnings (`ticketing.supervision`).
"""
