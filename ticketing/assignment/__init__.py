"""What each handling unit does with a ticket: sign, contact, reply. One lead unit, any number of co-units."""
