"""Starts the Rasa command line with arguments from standard input, so that no secret stands in the process list.

Standard input holds one JSON list of arguments, for example ["run", "--enable-api", "--auth-token", "…"].
"""

import json
import sys


def main() -> None:
    """Read the arguments, close standard input, run Rasa."""
    arguments = json.load(sys.stdin)
    sys.argv = ["rasa", *arguments]
    from rasa.__main__ import main as rasa

    rasa()


if __name__ == "__main__":
    main()
