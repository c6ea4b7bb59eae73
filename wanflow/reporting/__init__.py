"""A run's record -> a static page of pictures that people open, filter and compare."""

from wanflow.reporting.making import Made, make

__all__ = ["Made", "make"]
