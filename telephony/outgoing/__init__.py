"""外呼: calls that a member of staff asked for, and return calls that the queue makes by itself.

What is asked for stands in ticketing.dialling; here it is carried out. The callback robot (telephony.robot) calls without a person.
"""
