"""Joining calls: who hears whom among a citizen, an agent, a colleague or department, and a supervisor.

Frames go from leg to leg on the media thread; the event loop only decides who hears whom. Not here: who is rung (telephony.queue).
"""
