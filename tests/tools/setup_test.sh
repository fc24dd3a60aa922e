#!/bin/sh
# With a package missing and neither root nor sudo, setup.sh prints the one apt line and exits 1. It lists the
# libraries for those who install them elsewhere.
set -eu
setup=$1
bin=$(mktemp -d)
trap 'rm -rf "$bin"' EXIT

# A machine on which everything but libpng-dev is installed, and whose user is nobody special.
cat >"$bin/dpkg-query" <<'QUERY'
#!/bin/sh
for argument; do
  case "$argument" in -* | libpng-dev) ;; *) echo "ii $argument" ;; esac
done
QUERY
printf '#!/bin/sh\necho 1000\n' >"$bin/id"
printf '#!/bin/sh\nexit 1\n' >"$bin/sudo"
chmod +x "$bin"/*

if message=$(PATH="$bin:$PATH" "$setup" 2>&1 </dev/null); then
  echo "succeeded although libpng-dev is missing"
  exit 1
fi
echo "$message" | grep -q "apt-get install -y --no-install-recommends libpng-dev$" || {
  echo "no apt line in: $message"
  exit 1
}

sed -i 's/ | libpng-dev//' "$bin/dpkg-query"
message=$(PATH="$bin:$PATH" "$setup" 2>&1 </dev/null)
[ -z "$message" ] || { echo "says something although all is there: $message"; exit 1; }

case " $("$setup" --libraries) " in
  *" cmake "* | *"
"*) echo "tools or lines among the libraries"; exit 1 ;;
  *" libpng-dev "*) ;;
  *) echo "libpng-dev is not among the libraries"; exit 1 ;;
esac
