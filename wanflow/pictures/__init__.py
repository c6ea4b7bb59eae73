"""What is known of an image file without its pixels."""
