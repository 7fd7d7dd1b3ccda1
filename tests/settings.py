"""The settings of the tests: console.settings, kept away from the data of any installation."""

import os
import tempfile

# Names that are set for a running installation must not lead a test to its database or broker.
for _name in [name for name in os.environ if name.startswith("OPENCLB_")]:
    del os.environ[_name]
os.environ.pop("REDIS_URL", None)
os.environ["DATABASE_URL"] = os.environ.get("TEST_DATABASE_URL", "")
os.environ["OPENCLB_ALLOW_LOOPBACK_SERVERS"] = "1"
_directory = tempfile.TemporaryDirectory(prefix="openclb-tests-")
os.environ["OPENCLB_DATA_DIR"] = _directory.name
# Programs that a test starts run with the product's own settings.
os.environ["DJANGO_SETTINGS_MODULE"] = "console.settings"

from console.settings import *  # noqa: E402, F403  (after the lines that it must see)

# Hashing a password well takes a third of a second; the tests make hundreds of users.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
# Each test client builds the middleware anew; it need not walk through all static files.
WHITENOISE_AUTOREFRESH = True

# Generated input comes by the thousand.
OPENCLB_API_REQUESTS_PER_MIN = 1_000_000

if not os.environ["DATABASE_URL"]:
    # A file instead of memory: threads of a test (checkers, live servers) read while others
    # write, as in production; a database in memory answers "table is locked" to that.
    _database = DATABASES["default"]  # noqa: F405
    _database["TEST"] = {"NAME": os.path.join(_directory.name, "tests.sqlite3")}
    _database["OPTIONS"]["init_command"] += "; PRAGMA synchronous=OFF"
    # On a loaded machine one of many writers may wait long.
    _database["OPTIONS"]["timeout"] = 60
