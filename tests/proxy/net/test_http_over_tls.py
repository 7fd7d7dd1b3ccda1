"""An HTTPS listener does all that an HTTP listener does: the same tests, encrypted."""

import pytest

from tests.proxy.net import test_fast_lane, test_http_client, test_http_failures
from tests.proxy.net.test_fast_lane import *  # noqa: F403
from tests.proxy.net.test_http_client import *  # noqa: F403
from tests.proxy.net.test_http_failures import *  # noqa: F403
from tests.proxy.net.tls_scene import TlsScene

# It rests on how much the kernel holds between plain peers; the memory tests are here too.
del test_server_that_is_gone_is_read_to_its_end_while_the_client_is_slow  # noqa: F821


@pytest.fixture(autouse=True)
def encrypted(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (test_fast_lane, test_http_client, test_http_failures):
        monkeypatch.setattr(module, "Scene", TlsScene)
