"""Chinese full-text search over published and valid articles. Ranking is BM25 over characters, bigrams and words."""
