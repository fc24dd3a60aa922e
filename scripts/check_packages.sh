#!/bin/sh
# Installs the packages of `make deb` in a fresh Debian, uses them as an ordinary user, upgrades and purges them, and has
# lintian look at them.
#   scripts/check_packages.sh [SUITE [FOLDER]]      default: the suite of this machine, and build-deb/packages
# Exit code 77 where no chroot can be made.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
suite=${1:-$(. /etc/os-release && echo "$VERSION_CODENAME")}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cp "${2:-$root/build-deb/packages}"/*.deb "$folder/"
# The next version, for an upgrade: the same with another number.
mkdir "$folder/next"
for package in "$folder"/*.deb; do
  rm -rf "$folder/unpacked"
  dpkg-deb -R "$package" "$folder/unpacked"
  sed -i -e 's/^Version: .*/Version: 0.1.99-1/' -e 's/(= [0-9.]*-1)/(= 0.1.99-1)/g' "$folder/unpacked/DEBIAN/control"
  dpkg-deb --root-owner-group -b "$folder/unpacked" "$folder/next" >/dev/null
done
rm -rf "$folder/unpacked"

cat >"$folder/check.sh" <<'END'
set -eu
apt-get update -q >/dev/null
find / -xdev -path /proc -prune -o -path /files -prune -o -path '*ddim*' -print | grep -v ^/src | sort >/tmp/before || true
apt-get install -y -q --no-install-recommends /files/*.deb man-db >/dev/null 2>&1
useradd -m someone
cat >/tmp/use.sh <<'USE'
set -eu
mkdir /tmp/empty && cd /tmp/empty
ddim --version >version && head -1 version
ddim sample --model fashion-mnist --steps 5 --count 2 --quiet --out grid.png
test -s grid.png
ddim info grid.png | grep -q fashion-mnist
ddim models | grep -q '^fashion-mnist *shipped'
ddim models | grep -q '^emoji *shipped'
ddim sample --model cifar10 --class ship,horse --guidance 2 --steps 5 --count 2 --quiet --out classes.png
test -s classes.png
for seed in 1 2; do
  ddim sample --model fashion-mnist --steps 2 --count 5 --seed $seed --quiet --out set$seed >/dev/null
done
ddim evaluate set1 set2 --shrink --quiet >distance # finds its extractor
grep -q frechet_distance distance
if [ -e /usr/lib/python3/dist-packages/ddim ]; then
  python3 -m ddim --version >version && head -1 version
  python3 - <<'PYTHON'
import ddim, os, subprocess
pictures = ddim.load("fashion-mnist").sample(steps=5, count=2)
assert pictures.shape == (2, 32, 32, 1)
import numpy
subprocess.run(["ddim", "sample", "--model", "fashion-mnist", "--steps", "5", "--count", "2", "--quiet", "--out", "p.npz"], check=True)
numpy.testing.assert_array_equal(ddim.to_bytes(pictures), numpy.load("p.npz")["arr_0"])
import importlib.metadata
assert importlib.metadata.version("ddim-cpp") == ddim.__version__
folder = os.path.dirname(ddim.__file__)
assert os.path.exists(folder + "/_core.pyi") and os.path.exists(folder + "/py.typed")
PYTHON
fi
USE
su someone -c 'sh /tmp/use.sh'
bash -c '. /usr/share/bash-completion/completions/ddim && complete -p ddim' >/dev/null
apt-get install -y -q --no-install-recommends zsh fish >/dev/null 2>&1
zsh -f -c 'autoload -Uz compinit && compinit -u -D && [ "$_comps[ddim]" = _ddim ] && autoload -Uz +X _ddim' ||
  { echo "zsh does not load its completion"; exit 1; }
fish -c 'complete -C "ddim sam"' | grep -q '^sample' || { echo "fish does not load its completion"; exit 1; }
test -e /usr/share/man/man1/ddim-sample.1.gz
apt-get install -y -q /files/next/*.deb >/dev/null 2>&1
[ "$(dpkg-query -W -f '${Version}' ddim)" = 0.1.99-1 ]
rm -r /tmp/empty
su someone -c 'sh /tmp/use.sh'
# shellcheck disable=SC2046 # a list of names
apt-get purge -y -q $(for package in /files/*.deb; do dpkg-deb -f "$package" Package; done) >/dev/null 2>&1
find / -xdev -path /proc -prune -o -path /files -prune -o -path '*ddim*' -print | grep -v ^/src | sort >/tmp/after || true
diff /tmp/before /tmp/after | grep '^>' | grep -v -e ' /var/cache/' -e ' /tmp/' -e ' /var/lib/apt' && { echo "left behind"; exit 1; }
apt-get install -y -q --no-install-recommends lintian >/dev/null 2>&1
lintian --fail-on error --tag-display-limit 0 /files/*.deb
echo "packages: installed, used, upgraded and purged on Debian $(cat /etc/debian_version)"
END
DDIM_CHROOT_FILES=$folder "$root/scripts/in_chroot.sh" "$suite" sh /files/check.sh
