"""How long each kind of data is kept, and what happens then: archive, anonymise, erase (docs/retention.md).

`rules` knows for each kind what is due and how it ends, `words` finds every column with words of people, `redaction` takes
persons out of a text, `run` goes through the policies, `person` erases a citizen at once, `holds` keeps what a court needs.
"""
