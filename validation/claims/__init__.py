"""The claims of the papers and what measures them."""
