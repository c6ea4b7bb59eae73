"""The draft engine and the local functions: pure array functions, one file per family."""
