"""What the screens say, as lines and rows: pure functions, no Textual."""
