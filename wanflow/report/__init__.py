"""A run as a page that people open: what its record, the records before it, the index and the pictures tell of it."""
