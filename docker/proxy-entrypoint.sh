#!/bin/sh
# The data plane alone. Every connection takes two descriptors, so take all that are allowed.
set -eu
umask 077
ulimit -S -n "$(ulimit -H -n)" || true
exec python -m proxy "$@"
