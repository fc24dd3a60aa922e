#!/bin/sh
# Runs a command in a fresh Debian that has nothing but the base system, in a copy of this project as git has it.
#   scripts/in_chroot.sh SUITE COMMAND ...       SUITE: bookworm, trixie ...
# As root. The base system comes from the package mirror of this machine, once; it is kept in DDIM_CHROOTS (default
# /var/tmp/ddim-chroots). The project is in /src there; files named in DDIM_CHROOT_FILES (a folder) are in /files, where
# the command may also leave some. Exit code 77, with a reason, where there is no root, debootstrap, or mirror.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
suite=$1
shift
chroots=${DDIM_CHROOTS:-/var/tmp/ddim-chroots}
skip() {
  echo "in_chroot: skipped: $1" >&2
  exit 77
}
[ "$(id -u)" = 0 ] || skip "not root"
command -v debootstrap >/dev/null || skip "debootstrap is not installed (apt-get install debootstrap)"
mirror=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null |
  sed -n -e 's/^URIs: *\([^ ]*\/debian\)\/* *$/\1/p' -e 's/^deb \(\[.*\] \)\{0,1\}\([^ ]*\/debian\)\/* .*/\2/p' | head -1)
[ -n "$mirror" ] || skip "no mirror of Debian in /etc/apt"

base=$chroots/$suite
if [ ! -e "$base/usr/bin/apt-get" ]; then
  mkdir -p "$chroots"
  echo "in_chroot: making $base" >&2
  [ -e "/usr/share/debootstrap/scripts/$suite" ] || ln -s sid "/usr/share/debootstrap/scripts/$suite"
  rm -rf "$base.new"
  debootstrap --variant=minbase --include=ca-certificates "$suite" "$base.new" "$mirror" >"$base.log" 2>&1 ||
    { tail -5 "$base.log" >&2; skip "debootstrap $suite from the mirror failed"; }
  mv "$base.new" "$base"
fi

fresh=$(mktemp -d "$chroots/run-XXXXXX")
leave() {
  umount -l "$fresh/proc" 2>/dev/null || true
  umount -l "$fresh/dev/pts" 2>/dev/null || true
  umount -l "$fresh/dev" 2>/dev/null || true
  umount "$fresh/files" 2>/dev/null || true
  mountpoint -q "$fresh/dev" || mountpoint -q "$fresh/files" || rm -rf --one-file-system "$fresh"
}
trap leave EXIT
trap 'exit 130' INT TERM
cp -a "$base/." "$fresh/"
git clone -q "$root" "$fresh/src"
mount -t proc proc "$fresh/proc"
mount --bind /dev "$fresh/dev"
if mountpoint -q /dev/pts; then mount --bind /dev/pts "$fresh/dev/pts"; fi
if [ -n "${DDIM_CHROOT_FILES:-}" ]; then
  mkdir "$fresh/files"
  mount --bind "$DDIM_CHROOT_FILES" "$fresh/files"
fi
cp -L /etc/resolv.conf /etc/hosts "$fresh/etc/"
apt-config dump | sed -n 's/^\(Acquire::.*[Pp]roxy.*\)/\1/p' >"$fresh/etc/apt/apt.conf.d/90machine"
cp -rL /usr/local/share/ca-certificates "$fresh/usr/local/share/" 2>/dev/null || true
cp -L /etc/ssl/certs/ca-certificates.crt "$fresh/etc/ssl/certs/" 2>/dev/null || true
chroot "$fresh" env LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive sh -c 'cd /src && exec "$@"' in_chroot "$@"
