#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Installs what a build needs and this machine lacks, on Debian and its kin, as root or through sudo. Says nothing
# and costs nothing when all is there. With the argument "check", what the tests need counts too.
set -eu

missing=
need() { missing="$missing $1"; }
has_library() { command -v pkg-config >/dev/null && pkg-config --exists "$1"; }

command -v cc >/dev/null || need gcc
command -v make >/dev/null || need make
command -v cmake >/dev/null || need cmake
command -v pkg-config >/dev/null || need pkg-config
has_library zlib || need zlib1g-dev
if [ "${1:-}" = check ]; then
    has_library cmocka || need libcmocka-dev
    command -v python3 >/dev/null || need python3
fi
[ -n "$missing" ] || exit 0

sudo=
[ "$(id -u)" = 0 ] || sudo=sudo
if ! command -v apt-get >/dev/null || { [ -n "$sudo" ] && ! command -v sudo >/dev/null; }; then
    echo "elegans needs:$missing (Debian's names); install them and try again" >&2
    exit 1
fi
echo "installing:$missing"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
install() { $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing; }
if ! { $sudo apt-get update -qq && install; } >"$log" 2>&1; then
    tail -n 5 "$log" >&2
    echo "could not install:$missing" >&2
    exit 1
fi
