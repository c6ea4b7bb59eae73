"""Functions that need no model: local/*. Pillow does the work; `geometry` and `layouts` say where pictures lie."""

from wanflow.pixels.local import canvas, convert, label, mask, shape, sheets

__all__ = ["canvas", "convert", "label", "mask", "shape", "sheets"]
