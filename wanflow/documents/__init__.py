"""Texts -> data whose every node knows its line, judged by JSON Schemas, within bounds."""
