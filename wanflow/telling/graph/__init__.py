"""The steps of a recipe as a picture: one value, and a writer for each format."""
