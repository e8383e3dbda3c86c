"""What happens on a call: greeting, listening, answering, the queue, messages, recordings, and what is left when it ends.

The flow sees a call only as `telephony.leg.Leg`, so that every way through it is tested without a network.
"""
