"""Unreliable, plastic and metabolically costly synapses for Brian2."""
