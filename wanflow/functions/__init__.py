"""What functions and models can do and how large their pictures get: tables and exact arithmetic."""
