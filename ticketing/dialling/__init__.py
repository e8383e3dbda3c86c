"""外呼: a member of staff calls the citizen of a ticket by click. The person's own telephone rings first, then the citizen is dialled.

Written here, carried out by a telephony process (telephony.outgoing). The number is opened by that process alone: nobody who
clicks needs to see it. Not here: the callback robot (ticketing.callback.robot), SIP.
"""
