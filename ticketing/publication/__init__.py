"""Answers for everybody (公开答复): what one citizen asked and was answered, told without the person, passed by two people."""
