"""How each person likes the lists of tickets: named filters (常用筛选), and the columns of a queue."""
