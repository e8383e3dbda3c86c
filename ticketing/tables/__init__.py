"""Tables out and in: one writer for every spreadsheet and CSV file, one reader, and what can be exported and imported."""
