"""Claims of Malkin, O'Donnell, Houghton & Aitchison 2023, "Signatures of Bayesian inference emerge from
energy efficient synapses", eLife, doi:10.7554/eLife.92595.
"""
