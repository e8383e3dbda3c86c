"""Callers who wait for a person: rows, who is offered to whom, figures, and what agents do with a call.

The telephony processes share it: each has its own callers, all have the same queue. They carry out what stands here
(telephony.queue), and the console shows it. Not here: states of agents (ticketing.duty), sound, SIP.
"""
