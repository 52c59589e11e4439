#!/usr/bin/env bash
# Runs the bot that install_linux.sh has installed.
#
#   ./start.sh          bot and worker, with the keys in .env; without keys it asks for them
#   ./start.sh demo     the demo in a browser, without any key
#   ./start.sh doctor   whatever else `g2d --help` lists
set -euo pipefail
cd "$(dirname "$0")"

if [ $# -eq 0 ]; then
    set -- run
fi
if [ -x .venv/bin/g2d ]; then
    exec .venv/bin/g2d "$@"
fi
command -v g2d >/dev/null || { echo "Nothing is installed yet: ./install_linux.sh does it." >&2; exit 1; }
exec g2d "$@"
