"""SIP over UDP on top of pyVoIP's classes: messages, transactions, dialogs, the user agent. Only this folder imports pyVoIP.

pyVoIP 1.6.8 gives the class base and its public interface (`VoIPPhone`, `VoIPCall`, `SIPClient`, `CallState`). Its receive
loop, parser, transactions and RTP fail behind standard-conforming proxies and above 25 calls, so they are replaced here;
docs/decisions tells why and how.
"""
