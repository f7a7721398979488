#!/bin/bash
# Make a virtual environment in $1 with the first Python that is 3.11 or newer.
# PYTHON= names one; as root on a Debian system the venv module is installed where it is missing.
set -euo pipefail

venv=$1

new_enough() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

find_python() {
    local candidate
    for candidate in ${PYTHON:-} python3 python3.14 python3.13 python3.12 python3.11; do
        if new_enough "$candidate"; then
            echo "$candidate"
            return
        fi
    done
}

can_apt() {
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null
}

python=$(find_python)
if [ -z "$python" ] && can_apt; then
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq </dev/null
    apt-get install -y -qq --no-install-recommends python3 python3-venv </dev/null >/dev/null
    python=$(find_python)
fi
if [ -z "$python" ]; then
    echo "nethood needs Python 3.11 or newer; install it, or name it: make PYTHON=/path/to/python3" >&2
    exit 1
fi

if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    if can_apt; then
        export DEBIAN_FRONTEND=noninteractive
        apt-get update -qq </dev/null
        apt-get install -y -qq --no-install-recommends python3-venv </dev/null >/dev/null
    else
        echo "$python has no venv module; on Debian and Ubuntu: apt install python3-venv" >&2
        exit 1
    fi
fi
rm -rf "$venv"
"$python" -m venv "$venv"
