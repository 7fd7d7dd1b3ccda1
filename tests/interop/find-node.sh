#!/bin/sh
# Make sure that Node and npm are there for the tests of the Node client: the system's own (12 or
# newer), or, as root, Debian's.
set -eu
found() {
    command -v node >/dev/null && command -v npm >/dev/null &&
        node -e 'process.exit(parseInt(process.versions.node) < 12 ? 1 : 0)'
}
found && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "installing Node for the tests of the Node client"
    export DEBIAN_FRONTEND=noninteractive
    { apt-get update -qq && apt-get install -y -qq --no-install-recommends nodejs npm; } \
        >/dev/null 2>&1 </dev/null || true
    found && exit 0
fi
echo "openclb: the tests of the Node client need node (12 or newer) and npm: install your" \
    "distribution's packages (Debian: apt-get install nodejs npm)" >&2
exit 1
