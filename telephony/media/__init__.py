"""Audio on the wire: RTP, G.711, key presses, the 20 ms clock and recordings. Knows nothing of SIP or of the call flow."""
