"""The command line ``brianpresyn``."""

from validation.cli.command_line import EXIT_CLAIM_FAILED, commands, exit_code_of, main

__all__ = ["EXIT_CLAIM_FAILED", "commands", "exit_code_of", "main"]
