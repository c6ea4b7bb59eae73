"""The recipe: its grammar, its graph of steps, and the jobs that it makes of rows."""
