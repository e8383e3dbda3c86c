"""The callback robot (回访): calls citizens whose ticket was answered and asks how it went.

`answers` understands a key or a few words as the answer to a question, `script` has the sentences, `interview` is one
conversation, `work` takes one task after the other. Not here: which tickets a robot may call, when, how often and what is
asked (ticketing.callback, its rules are data), what may be dialled (telephony.outbound), SIP, sound.
"""
