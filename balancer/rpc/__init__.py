"""The signed query API, version 2014-05-15, that SDKs of Classic Load Balancer speak."""
