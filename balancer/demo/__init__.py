"""The demo: an estate of rows and real little servers behind it, to try the product on."""
