"""Dispatch support: what a new appeal is about, how urgent it is, who should handle it, and which open tickets are alike.

`service.suggest` is the way in. `features`, `noise`, `training` and `model` are the classifier, `emergency` the words of
danger, `places` the city's names, `catalogue` the table category x place -> unit, `similar` the look for duplicates.
A person decides; what the machine proposes carries the words that spoke for it.
"""
