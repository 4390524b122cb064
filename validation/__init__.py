"""Agreement between the models, the papers' claims and recordings; the command line."""
