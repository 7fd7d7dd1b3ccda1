#!/bin/sh
# One image for the control plane: `process web`, `process worker`, `setup`, any Django command.
set -eu
umask 077
exec python /app/manage.py "$@"
