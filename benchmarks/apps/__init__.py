"""The tutorial's application in Atlas, dramatiq and taskiq, side by side."""
