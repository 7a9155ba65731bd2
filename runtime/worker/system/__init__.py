"""What the worker needs of the operating system and of asyncio."""
