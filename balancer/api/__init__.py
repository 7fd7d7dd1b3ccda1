"""The REST API under /api/v1/: other words for the services and selectors, no rules of its own."""
