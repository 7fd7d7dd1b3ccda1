"""Any bytes at all into the readers of HTTP: by a fuzzer at length, by the tests in short."""
