"""What pictures are judged by: measures, and the gates that they must pass."""
