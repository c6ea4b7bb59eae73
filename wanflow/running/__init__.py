"""THE loop and what it needs around it: who is next, how far rows are, pictures fetched and put in place."""
