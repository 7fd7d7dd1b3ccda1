"""What the control plane's log says, and what it must never say."""

import io
import logging
import logging.config

import pytest
from django.test import RequestFactory

from console.logs import logging_config


@pytest.mark.parametrize("log_format", ["logfmt", "json"])
def test_queries_of_requests_are_not_logged(log_format):
    """Clients of the RPC API send signatures and private keys there."""
    config = logging_config(level="INFO", log_format=log_format)["formatters"]["event"]
    made = logging.config.DictConfigurator({}).configure_formatter(dict(config))
    told = io.StringIO()
    handler = logging.StreamHandler(told)
    handler.setFormatter(made)
    logger = logging.Logger("django.request")
    logger.addHandler(handler)
    request = RequestFactory().post("/?Action=UploadServerCertificate&PrivateKey=hidden")
    logger.warning("Bad Request: /", extra={"request": request, "status_code": 400})
    assert "hidden" not in told.getvalue()
    assert "POST /" in told.getvalue()
