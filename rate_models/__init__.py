"""Stochastic synapses in learning rate networks (torch)."""
