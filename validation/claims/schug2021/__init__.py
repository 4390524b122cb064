"""Claims of Schug, Benzing & Steger 2021, "Presynaptic stochasticity improves energy efficiency and helps
alleviate the stability-plasticity dilemma", eLife 10:e69884, doi:10.7554/eLife.69884.
"""
