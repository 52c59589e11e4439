#!/usr/bin/env bash
# Installs the bot on Linux and macOS, without make.
#
#   ./install_linux.sh          into .venv, which is made unless it is there
#   ./install_linux.sh T        deletes .venv first
#   ./install_linux.sh F F      without a virtual environment: into the Python that runs (T or F, then F)
#
# PYTHON names that Python: PYTHON=python3.13 ./install_linux.sh
set -euo pipefail
cd "$(dirname "$0")"

anew=${1:-F}
environment=${2:-T}
case "$anew$environment" in
TT | TF | FT | FF) ;;
*)
    echo "Write ./install_linux.sh, or T or F for each of: delete .venv first; use a virtual environment." >&2
    exit 2
    ;;
esac

python=${PYTHON:-python3}
command -v "$python" >/dev/null || { echo "There is no $python here: install Python 3.11 or newer." >&2; exit 1; }
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "Python 3.11 or newer is needed, and $python is not: try PYTHON=python3.13 ./install_linux.sh" >&2
    exit 1
}

if [ "$anew" = T ]; then
    rm -rf .venv
fi
if [ "$environment" = T ]; then
    if [ ! -x .venv/bin/python ]; then
        "$python" -m venv .venv || {
            rm -rf .venv
            echo "This Python can't make environments: on Debian and Ubuntu, apt install python3-venv" >&2
            exit 1
        }
    fi
    python=.venv/bin/python
fi

# uv takes seconds where pip takes minutes. It doesn't read pip's settings: the two that a private index needs are handed on.
if [ -n "${PIP_INDEX_URL:-}" ]; then export UV_DEFAULT_INDEX="${UV_DEFAULT_INDEX:-$PIP_INDEX_URL}"; fi
if [ -n "${PIP_CERT:-}" ]; then export SSL_CERT_FILE="${SSL_CERT_FILE:-$PIP_CERT}"; fi
export UV_SYSTEM_CERTS=${UV_SYSTEM_CERTS:-1}
install() {
    "$python" -m uv pip install --quiet --python "$python" "$@" || {
        echo "uv could not install; trying pip, which takes longer."
        "$python" -m pip install --quiet "$@"
    }
}

echo "Installing …"
"$python" -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-build.lock
install --require-hashes -r requirements.lock
install --require-hashes -r sandbox/requirements.lock
install --no-deps --no-build-isolation --editable .
install --no-deps --no-build-isolation --editable ./sandbox
echo "Ready. ./start.sh demo shows the bot in a browser, without any key; ./start.sh runs it with yours."
