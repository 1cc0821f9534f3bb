#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Installs what a build needs and this machine lacks, on Debian and its kin, as root or through sudo. Says nothing
# and costs nothing when all is there. With the argument "check", what the tests need counts too; with "demo", a program
# that can fetch MNIST. What is only useful may stay missing: zlib reads .gz files, libpng and libjpeg
# read images, curl fetches.
set -u

needed='' useful=''
need() { needed="$needed $*"; }
like() { useful="$useful $*"; }
has() { command -v "$1" >/dev/null; }
has_library() { has pkg-config && pkg-config --exists "$1"; }

has cc || need gcc
has make || need make
has cmake || need cmake
case ${1:-} in
check)
    has pkg-config || need pkg-config
    has_library cmocka || need libcmocka-dev
    has python3 || need python3
    ;;
demo)
    has curl || has wget || like curl ca-certificates
    ;;
esac
has pkg-config || like pkg-config
has_library zlib || like zlib1g-dev
has_library libpng || like libpng-dev
has_library libjpeg || like libjpeg62-turbo-dev
[ -n "$needed$useful" ] || exit 0

finish() { # with one line, and failure only for what is needed
    echo "$1:$needed$useful" >&2
    [ -z "$needed" ]
    exit $?
}
sudo=
[ "$(id -u)" = 0 ] || sudo='sudo -n'
has apt-get || finish "please install (Debian's names)"
[ -z "$sudo" ] || $sudo true 2>/dev/null || sudo=sudo
[ -z "$sudo" ] || has sudo || finish "neither root nor sudo; please install"
echo "installing:$needed$useful"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
packages="$needed $useful"
install() { $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $packages; }
{ $sudo apt-get update -qq && install; } >"$log" 2>&1 && exit 0
tail -n 5 "$log" >&2
finish "could not install"
