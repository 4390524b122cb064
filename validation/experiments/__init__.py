"""Experiments that set one rendering of a synapse beside another, and what they are made of."""
