"""``python -m tui``."""

from tui.main import main

main()
