"""How an answer came about, for a person: its parts as a table and as a page."""
