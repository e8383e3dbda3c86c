"""How good the bot's answers are, on held-out sentences: `python -m benchmarks.bot_quality`. The figures of docs/bot-quality.md."""

from __future__ import annotations

import sys

from benchmarks import _articles, _dialogue, _fresh


def main() -> int:
    """Print the tables; the exit code says whether every target is met."""
    rows = [*_articles.measure(), *_dialogue.measure(), *(row for name in _fresh.SETS for row in _fresh.measure(name))]
    print("| what | sentences | measured | target | |\n|---|---|---|---|---|")
    for row in rows:
        print(row)
    print("\n| style | asked | first | among three |\n|---|---|---|---|")
    for line in _articles.by_style():
        print(line)
    print(f"\n| sentences | asked | {' | '.join(_dialogue.VERDICTS)} |\n|---|---|{'---|' * len(_dialogue.VERDICTS)}")
    for line in _dialogue.ways():
        print(line)
    return 0 if all(row.met for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
