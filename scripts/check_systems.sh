#!/bin/sh
# Three checks, each in a fresh Debian that has nothing of this project (scripts/in_chroot.sh), of what git has committed:
#   source      with git and make alone: `make demo` and `make test`
#   packages    `make deb` there; then in another the packages alone: scripts/check_packages.sh
#   wheel       `make wheel` there; then in another `pip install` of the wheel, the module's tests, and the notebook
#   scripts/check_systems.sh [SUITE [CHECK ...]]        default: trixie, all three
# Says what passed, and what was skipped and why. Exit code 1 when one failed, 77 when all were skipped.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
suite=${1:-trixie}
[ $# = 0 ] || shift
[ $# != 0 ] || set -- source packages wheel
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
cp /etc/pip.conf "$work/pip.conf" 2>/dev/null || : >"$work/pip.conf" # which index pip is to ask, where this machine says one

prepare='set -eu; apt-get update -q >/dev/null; install() { apt-get install -y -q --no-install-recommends "$@" >/dev/null; }'
in_fresh() { # COMMANDS: with files to share in /files
  DDIM_CHROOT_FILES=$work PIP_CONFIG_FILE=/files/pip.conf "$root/scripts/in_chroot.sh" "$suite" sh -c "$prepare; $1"
}

# `make` installs what else is needed. (git refuses a folder that is somebody else's.)
source_check() {
  in_fresh 'install git make; make demo && make test'
}

packages_check() {
  mkdir -p "$work/packages"
  in_fresh 'install git make; make deb && cp build-deb/packages/*.deb /files/packages/' || return
  "$root/scripts/check_packages.sh" "$suite" "$work/packages"
}

wheel_check() {
  mkdir -p "$work/wheels"
  in_fresh 'install git make; make wheel && cp build-wheel/wheels/*.whl /files/wheels/' || return
  in_fresh 'install python3 python3-venv; useradd -m someone
    cat >/tmp/use.sh <<"USE"
set -eu
cd && python3 -m venv environment
environment/bin/pip install -q $(ls /files/wheels/*.whl)[pictures] nbclient nbformat ipykernel matplotlib
mkdir empty && cd empty
~/environment/bin/ddim sample --model fashion-mnist --steps 5 --count 2 --quiet --out grid.png && test -s grid.png
export DDIM_PYTHON=$HOME/environment/bin/python
sh /src/tests/python/run.sh /src test_ddim.py
sh /src/tests/python/run.sh /src run_notebook.py /src
USE
    chmod -R go+rX /src; su someone -c "sh /tmp/use.sh"'
}

failed=0 passed=0
for check; do
  case $check in source | packages | wheel) ;; *) echo "check_systems: there is no check $check" >&2; exit 2 ;; esac
  status=0
  begin=$(date +%s)
  "${check}_check" >"$work/log" 2>&1 || status=$?
  took="$(($(date +%s) - begin)) s"
  case $status in
    0) echo "check_systems: $suite, $check: passed, in $took: $(tail -1 "$work/log")"; passed=$((passed + 1)) ;;
    77) echo "check_systems: $suite, $check: skipped: $(grep skipped "$work/log" | tail -1)" ;;
    *) tail -60 "$work/log"; echo "check_systems: $suite, $check: failed, after $took"; failed=$((failed + 1)) ;;
  esac
done
[ "$failed" = 0 ] || exit 1
[ "$passed" != 0 ] || exit 77
