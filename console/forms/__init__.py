"""The forms of the pages, one module per noun."""
