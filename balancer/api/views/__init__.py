"""One module per family of nouns; each view finds, checks the shape, and calls one service."""
