"""The CRM under another name: a second application with the same queues and kinds."""

from processors import application

__all__ = ["application"]
