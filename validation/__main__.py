"""``python -m validation`` is the command line."""

from validation.cli import main

main()
