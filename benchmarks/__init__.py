"""How fast the proxy is, beside HAProxy and nginx in the same run."""
