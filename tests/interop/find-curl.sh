#!/bin/sh
# Make sure that curl is there for the test of the API's guide: the system's own, or, as root,
# Debian's.
set -eu
found() { command -v curl >/dev/null; }
found && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "installing curl for the test of the API's guide"
    export DEBIAN_FRONTEND=noninteractive
    { apt-get update -qq && apt-get install -y -qq --no-install-recommends curl; } \
        >/dev/null 2>&1 </dev/null || true
    found && exit 0
fi
echo "openclb: the test of docs/api.md needs curl: install your distribution's package" \
    "(Debian: apt-get install curl)" >&2
exit 1
