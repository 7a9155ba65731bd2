"""``python -m runtime.worker`` is ``atlas-worker``."""

from runtime.cli.worker import main

main()
