# SPDX-License-Identifier: MIT
#
# lib.sh: what the tests of the command share. A script begins with `. "$(dirname "$0")/lib.sh"` and gets the built
# command as $1; it runs in an empty folder that is removed at its end, and fails at the first thing that is not so.
set -u
elegans=$(readlink -f "$1")
here=$(readlink -f "$(dirname "$0")")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder" || exit 1
unset ELEGANS_DATA NO_COLOR
export XDG_CACHE_HOME="$folder/cache"

fail() {
    echo "FAILED: $*" >&2
    echo "--- last command: $last" >&2
    echo "--- stdout" >&2 && head -n 20 out >&2
    echo "--- stderr" >&2 && head -n 20 err >&2
    exit 1
}

# run CODE ARGUMENTS...: the command's output lies in the files out and err.
run() {
    wanted=$1
    shift
    last="elegans $*"
    "$elegans" "$@" >out 2>err </dev/null
    code=$?
    [ "$code" = "$wanted" ] || fail "exit code $code, not $wanted"
}

# refuse CODE PATTERN ARGUMENTS...: an error is nothing on stdout, and on stderr one line that says what is wrong.
refuse() {
    pattern=$2
    code_wanted=$1
    shift 2
    run "$code_wanted" "$@"
    one_line "$pattern"
    [ ! -s out ] || fail "something on stdout"
}

one_line() {
    [ "$(wc -l <err)" = 1 ] || fail "not one line on stderr"
    grep -q '^elegans: ' err || fail "does not begin with 'elegans: '"
    grep -q -- "$1" err || fail "does not say '$1'"
}

# says FILE PATTERN
says() { grep -q -- "$2" "$1" || fail "$1 does not say '$2'"; }

# field NAME FILE: a field of the last JSON line, e.g. field test.accuracy out; checks every line on its way.
field() {
    python3 - "$1" "$2" <<'PY' || fail "no field $1 in valid JSON lines"
import json, sys
def no(constant): raise ValueError(constant)
lines = [json.loads(line, parse_constant=no) for line in open(sys.argv[2], encoding="utf-8")]
value = lines[-1]
for key in sys.argv[1].split("."): value = value[key]
print(json.dumps(value) if isinstance(value, (dict, list, type(None), bool)) else value)
PY
}

same() { [ "$1" = "$2" ] || fail "$1 is not $2"; }

# Nothing but these files may be in the folder (out, err and the cache aside): no half-written ones.
only() {
    for file in * .[!.]*; do
        case " out err cache $* " in
        *" $file "*) ;;
        *) [ ! -e "$file" ] || fail "'$file' was left behind" ;;
        esac
    done
}
