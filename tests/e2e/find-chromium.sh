#!/bin/sh
# Make sure that a Chromium is there for the browser tests: the system's own, or, as root, Debian's.
set -eu
browser() { command -v "${CHROMIUM:-chromium}" || command -v chromium-browser || command -v google-chrome; }
browser >/dev/null && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "installing Chromium for the browser tests"
    export DEBIAN_FRONTEND=noninteractive
    { apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium; } \
        >/dev/null 2>&1 </dev/null || true
    browser >/dev/null && exit 0
fi
echo "openclb: the browser tests need Chromium: install your distribution's package" \
    "(Debian: apt-get install chromium) or set CHROMIUM=/path/to/it" >&2
exit 1
