"""``python -m runtime.cli`` is ``atlas``."""

from runtime.cli.atlas import main

if __name__ == "__main__":
    main()
