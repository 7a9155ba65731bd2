"""What screens are made of: widgets that paint lines and repaint only what changed."""
