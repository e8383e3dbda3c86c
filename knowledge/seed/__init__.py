"""Guide articles of the demo city and the held-out questions by which search is measured. Data and its loader, no life cycle.

`articles/*.yaml` hold one article each; the file is named after its slug. National rules carry their legal basis, local
values are invented for 云川市 and marked `sample_data`. `heldout.yaml` holds questions that no article lists.
"""

from knowledge.seed.loader import Heldout, SeedArticle, load_articles, load_heldout

__all__ = ["Heldout", "SeedArticle", "load_articles", "load_heldout"]
