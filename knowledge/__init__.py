"""The knowledge base: articles, their review life, and Chinese full-text search. Knows no web, no bot, no phone."""
