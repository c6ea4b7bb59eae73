"""What people choose: which candidates go on, further takes, and results that are kept whatever the recipe says."""
