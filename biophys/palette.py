"""Colours that stay apart for colour-blind eyes: one name each, the same in every figure.

References
----------
Okabe M, Ito K (2008). Color universal design. https://jfly.uni-koeln.de/color/
"""

BLACK = "#000000"
ORANGE = "#E69F00"
SKY = "#56B4E9"
GREEN = "#009E73"
YELLOW = "#F0E442"
BLUE = "#0072B2"
VERMILION = "#D55E00"
PURPLE = "#CC79A7"
BROWN = "#8C510A"
GREY, DARK_GREY = "#999999", "#7F7F7F"

CYCLE = (BLUE, ORANGE, GREEN, VERMILION)
"""Of what has an order but no colour of its own, such as layers or exponents, the first one first."""
