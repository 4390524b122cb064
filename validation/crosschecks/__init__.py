"""Comparisons of one rendering of a synapse with another."""
