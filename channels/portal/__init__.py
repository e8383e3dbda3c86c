"""Citizens' portal: ask, submit an appeal, track it, rate it, read the guide. Works without JavaScript.

`routes` joins the pages, `appeal_form` checks the form, `tracking` opens a ticket by number and query code, `progress`
says in the citizen's words where a ticket stands. Not here: staff pages (`channels.console`), rules (`ticketing`).
"""
