"""wanflow is make for Wan image edits: recipes, priced plans, cached runs."""

__version__ = "0.1.0"
