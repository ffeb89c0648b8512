#!/bin/sh
# Makes a virtual environment with velatura in it, on a machine that has Python and nothing else; `make demo` and `make test` call it.
# usage: sh tools/bootstrap.sh VENV core|test [PYTHON]     exit 4: something is missing, the message says which package brings it
# A half-made environment is made anew; two at once wait for each other; nothing is done when nothing changed (VENV/.stamp, written last).
set -eu
venv=${1:?usage: bootstrap.sh VENV core|test [PYTHON]}; what=${2:?core or test}; python=${3:-${PYTHON:-python3}}
project=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
say() { printf '%s\n' "$*" >&2; }
stop() { say "error: $1"; say "  $2"; exit 4; }

command -v "$python" >/dev/null 2>&1 || stop "Python is not installed." "apt-get install python3 python3-venv"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || stop "$("$python" --version) is too old: 3.11 or later is needed." "set PYTHON=/path/to/python3.11"
"$python" -c 'import ensurepip, venv' 2>/dev/null || stop "$python cannot make virtual environments (Debian keeps that in a package of its own)." "apt-get install python3-venv"

# One at a time. A lock whose owner is dead, or that is old and names none, was left by a run that was killed.
lock=$venv.lock; mkdir -p "$(dirname -- "$venv")"; waited=0
until mkdir "$lock" 2>/dev/null; do
  owner=$(cat "$lock/pid" 2>/dev/null || echo 0)
  if [ "$owner" != 0 ] && ! kill -0 "$owner" 2>/dev/null; then rm -rf "$lock"; continue; fi
  if [ "$owner" = 0 ] && [ "$waited" -ge 30 ]; then rm -rf "$lock"; continue; fi
  [ "$waited" -gt 0 ] || say "waiting for another installation (process $owner) ..."
  waited=$((waited + 1)); sleep 1
done
echo $$ >"$lock/pid"; trap 'rm -rf "$lock"' EXIT; trap 'exit 130' INT TERM

# The stamp names all that the result depends on and is written last: whatever was interrupted is done again.
want=$( { "$python" -VV; echo "$what $project"; cat "$project/pyproject.toml" "$project/constraints.txt"; } | sha256sum | cut -c1-64)
if [ "$(cat "$venv/.stamp" 2>/dev/null || true)" = "$want" ] && "$venv/bin/python" -c pass 2>/dev/null; then exit 0; fi
if ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
  rm -rf "$venv"; say "making $venv"; "$python" -m venv "$venv"
fi
rm -f "$venv/.stamp"
pip() { "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-input -c "$project/constraints.txt" "$@" || stop "pip could not install what velatura needs (its own words stand above)." "check that this machine reaches a Python package index, then run the same command again"; }
case $what in
  core) say "installing velatura (about half a minute the first time)"; pip -e "$project" ;;
  test) say "installing velatura with every extra (some minutes the first time)"
        # torch by its pin alone, so that pip's own configuration decides on the build; then all the rest beside it
        pip "$(grep '^torch==' "$project/constraints.txt")"; pip -e "$project[all,dev]" ;;
  *) stop "there is no set of packages called $what." "core or test" ;;
esac
printf '%s' "$want" >"$venv/.stamp"
