"""A run's record -> a static page of pictures that people open, filter and compare."""
