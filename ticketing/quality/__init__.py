"""Quality inspection (质检): which calls are looked at, the score sheet, the appeal of the agent, the averages.

`book` has the rules and the sheet as a versioned document, `sampling` draws calls (the scheduler calls it), `access` is the one
door, `checks` scores, `appeals` lets the agent object and a second person decide, `averages` counts. What the machine draws is
never a judgement: a person listens and scores.
"""
