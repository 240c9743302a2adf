#!/bin/sh
# make_venv.sh PYTHON FOLDER: a virtual environment, also on a bare Debian, whose
# Python comes without the module that puts pip into one.
set -eu
python=$1
folder=$2
if ! command -v "$python" >/dev/null; then
    echo "$python is not there: install Python 3.11 or newer, or say make PYTHON=..." >&2
    exit 1
fi
if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    echo "$("$python" --version) is too old: logferry needs 3.11; say make PYTHON=..." >&2
    exit 1
fi
if ! "$python" -c 'import ensurepip' 2>/dev/null; then
    if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
        apt-get update -qq
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq python3-venv >/dev/null
    else
        echo "python's venv is not complete: apt install python3-venv (as root)" >&2
        exit 1
    fi
fi
exec "$python" -m venv "$folder"
