"""``python -m tui``."""

from tui.main import main

main(prog_name="atlas-dash")
