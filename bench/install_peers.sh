#!/bin/sh
# SPDX-License-Identifier: MIT
# install_peers.sh FOLDER: what `make bench-peers` measures elegans beside: FANN, OpenBLAS and oneDNN from Debian where this user may install,
# and PyTorch, JAX, TensorFlow and scikit-learn from PyPI in a virtual environment in FOLDER, outside the tree. What cannot be had is told and
# left out.
folder=$1
here=$(dirname "$0")

missing=
for package in libopenblas-dev libfann-dev libdnnl-dev python3-venv; do
    dpkg -s "$package" >/dev/null 2>&1 || missing="$missing $package"
done
as_root=
[ "$(id -u)" = 0 ] || as_root='sudo -n'
if [ -n "$missing" ]; then
    # shellcheck disable=SC2086  # a list of words, and a command of several
    $as_root apt-get install -y --no-install-recommends $missing >/dev/null 2>&1 || echo "left out (apt-get install$missing did not work)"
fi

[ -x "$folder/bin/python" ] || python3 -m venv "$folder" || exit 1
has() { "$folder/bin/python" -c "import importlib.util as u, sys; sys.exit(not u.find_spec('$1'))"; }
pip() { "$folder/bin/python" -m pip install --quiet --disable-pip-version-check "$@"; }
want() { # module package
    has "$1" && return
    echo "installing $2 ..."
    pip "$2" || echo "left out: $2"
}
want numpy numpy
if ! has torch; then
    echo "installing torch (without its index of CPU wheels PyPI's brings several GB) ..."
    pip --timeout 10 --retries 0 torch --index-url https://download.pytorch.org/whl/cpu 2>/dev/null || pip torch || echo "left out: torch"
fi
want jax jax
want tensorflow tensorflow-cpu
want sklearn scikit-learn
want pandas pandas
want PIL pillow
[ -e "$folder/mkl.so" ] || cc -shared -fPIC -o "$folder/mkl.so" "$here/peer_mkl.c" || echo "MKL at its own choice"
