"""`python -m hotline`: the same as the command `hotline`. The supervisor starts its children this way."""

from hotline.cli import main

main()
