"""Values -> terminal. Nothing is decided here."""
