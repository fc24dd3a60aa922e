#!/bin/sh
# What tests/server does in seconds, at length (quality rows T16 to T20); prints a line for each.
#   scripts/torture_server.sh BUILD_FOLDER [SECONDS OF SLOW CLIENTS, 60]
# Needs wrk, slowhttptest and curl.
set -eu
build=$1
slow_seconds=${2:-60}
for needed in wrk slowhttptest curl; do
  command -v "$needed" >/dev/null || { echo "torture: there is no $needed (apt-get install wrk slowhttptest curl)"; exit 1; }
done
folder=$(mktemp -d)
"$build/ddim" serve --model models/fashion-mnist --port 0 --quiet --connections 1500 --connections-per-address 1500 >"$folder/out" &
server=$!
trap 'kill $server 2>/dev/null || true; wait $server 2>/dev/null || true; rm -rf "$folder"' EXIT
until [ -s "$folder/out" ]; do sleep 0.1; done
url=$(grep -o 'http://[^ ]*' "$folder/out")

metric() { curl -s "${url}metrics" | awk -v name="$1" '$1 == name { print $2 }'; }
failed() { echo "FAILED: $1"; exit 1; }
# At most so many, after some patience.
at_most() {
  for _ in $(seq 100); do
    [ "$(metric "$1")" -le "$2" ] && return 0
    sleep 0.1
  done
  failed "$1 is $(metric "$1"), not at most $2"
}
curl -s "${url}api/jobs" -d '{"steps": 2}' >/dev/null
sleep 2

echo "T16: 200 clients, health, jobs and events while sampling"
memory=$(metric process_resident_memory_bytes)
files=$(metric process_open_fds)
job=$(curl -s "${url}api/jobs" -d '{"steps": 1000, "count": 64, "preview_every": 5}' | sed 's/.*"id":"\([0-9a-f]*\)".*/\1/')
for _ in $(seq 20); do curl -sN "${url}api/jobs/$job/events" >/dev/null & done
cat >"$folder/mix.lua" <<'LUA'
local n = 0
function request()
  n = n + 1
  if n % 50 == 0 then return wrk.format("POST", "/api/jobs", nil, '{"steps": 2, "seed": ' .. n .. '}') end
  if n % 10 == 0 then return wrk.format("GET", "/api/models") end
  return wrk.format("GET", "/healthz")
end
LUA
# The 99 % line of wrk in milliseconds.
p99_in() { awk '$1 == "99%" { t = $2 + 0; if ($2 ~ /us$/) t /= 1000; else if ($2 !~ /ms$/) t *= 1000; print t }' "$1"; }
total=0
while [ "$total" -lt 100000 ]; do
  # Health has its own measure: jobs take their time.
  wrk -t1 -c1 -d9s --latency --timeout 10s "${url}healthz" >"$folder/health" &
  health=$!
  wrk -t2 -c200 -d10s --latency --timeout 10s -s "$folder/mix.lua" "$url" >"$folder/wrk"
  wait $health
  total=$((total + $(awk '/requests in/ { print $1 }' "$folder/wrk")))
  grep -E '99%|requests in|Socket errors|Non-2xx' "$folder/wrk"
  p99=$(p99_in "$folder/health")
  echo "  health: 99% within $p99 ms"
  [ "$(echo "$p99" | awk '{ print ($1 < 50) }')" = 1 ] || failed "health takes $p99 ms"
  ! grep -h 'Socket errors' "$folder/wrk" "$folder/health" || failed "connections broke"
done
errors=$(curl -s "${url}metrics" | awk '/^ddim_answers_total\{status="5/ { n += $2 } END { print n + 0 }')
full=$(curl -s "${url}metrics" | awk '/^ddim_answers_total\{status="429/ { n += $2 } END { print n + 0 }')
[ "$errors" = 0 ] || failed "$errors answers of 5xx"
curl -s -X DELETE "${url}api/jobs/$job" >/dev/null
at_most ddim_jobs\{state=\"waiting\"\} 0
at_most process_open_fds $((files + 2))
grown_by() { echo $((($(metric process_resident_memory_bytes) - memory) / 1048576)); }
grown=$(grown_by)
echo "  $total requests, 0 of 5xx, $full of 429; memory grew by $grown MiB; descriptors are back"
[ "$grown" -lt 64 ] || failed "memory grew by $grown MiB"

echo "T17: 1,000 slow heads, then slow bodies, then slow readers of a large result, $slow_seconds s each; 500 who only listen"
id_of() { sed 's/.*"id":"\([0-9a-f]*\)".*/\1/'; }
# Asks for health once a second while what $1 names goes on.
check_health() {
  worst=$(for _ in $(seq "$slow_seconds"); do curl -s -o /dev/null -w '%{time_total} %{http_code}\n' --max-time 5 "${url}healthz" || true; sleep 1; done |
    awk '$2 != 200 { bad++ } $1 > most { most = $1 } END { printf "%.3f %d", most, bad }')
  echo "  $1: health: worst ${worst% *} s, not answered: ${worst#* }"
  [ "${worst#* }" = 0 ] && [ "$(echo "${worst% *} < 1" | awk '{ print ($1 < 1) }')" = 1 ] || failed "health is slow"
}
# 1,000 connections of slowhttptest, with these flags; again, when the server has given all of them up.
be_slow() {
  end=$(($(date +%s) + slow_seconds))
  : >"$folder/waves"
  while left=$((end - $(date +%s))) && [ "$left" -gt 0 ]; do
    slowhttptest -c 1000 "$@" -r 200 -l "$left" >/dev/null 2>&1 || true
    echo >>"$folder/waves"
    sleep 1 # should it end at once
  done &
  slow=$!
  check_health "slowhttptest $1"
  wait $slow
  echo "    in $(wc -l <"$folder/waves") waves of 1,000"
}
be_slow -H -i 10 -u "${url}api/jobs"
be_slow -B -i 10 -t POST -u "${url}api/jobs"
job=$(curl -s "${url}api/jobs" -d '{"steps": 1, "count": 512}' | id_of)
curl -sN "${url}api/jobs/$job/events" >/dev/null
be_slow -X -w 512 -y 1024 -n 5 -z 32 -u "${url}api/jobs/$job/pictures.safetensors"
job=$(curl -s "${url}api/jobs" -d '{"steps": 1000, "count": 1024}' | id_of)
listeners=""
for _ in $(seq 500); do curl -sN "${url}api/jobs/$job/events" >/dev/null & listeners="$listeners $!"; done
slow_seconds=20 check_health "500 listeners"
curl -s -X DELETE "${url}api/jobs/$job" >/dev/null
# shellcheck disable=SC2086 # several words
wait $listeners || true
at_most ddim_connections 2
at_most process_open_fds $((files + 2))
sleep 11  # then it gives memory back
grown=$(grown_by)
echo "  afterwards: memory grew by $grown MiB; descriptors are back"
[ "$grown" -lt 128 ] || failed "memory grew by $grown MiB"

echo "T18 to T20: oversize, 10,000 mutated bodies, 1,000 heads and more, strangers"
DDIM_TORTURE=1 "$build/tests/server/server_test" --gtest_brief=1 || failed "tests/server"
echo "done"
