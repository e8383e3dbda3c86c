"""Who is on duty and what they do just now: states of agents, their skills and telephones, the shift roster. Not the queue."""
