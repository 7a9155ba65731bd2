"""``python -m processors.demo`` is ``make demo``."""

from processors.demo.program import main

main()
