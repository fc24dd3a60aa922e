#!/bin/sh
# ddim serve as a process: a job and the command line make the same bytes, TLS, a stop by SIGTERM, what is refused.
# Exits 77 (skipped) without curl or openssl.
#   program_test.sh PROGRAM SOURCE_FOLDER
set -eu
program=$1
cd "$2"
for needed in curl openssl; do
  command -v "$needed" >/dev/null || { echo "skipped: there is no $needed"; exit 77; }
done
folder=$(mktemp -d)
server=""
trap '[ -z "$server" ] || kill -9 $server 2>/dev/null || true; rm -rf "$folder"' EXIT
failed() { echo "FAILED: $1"; cat "$folder/err"; exit 1; }
start() {
  rm -f "$folder/out"
  "$program" serve --model models/fashion-mnist --port 0 "$@" >"$folder/out" 2>"$folder/err" &
  server=$!
  until grep -q http "$folder/out" 2>/dev/null; do sleep 0.05; done
  url=$(grep -o 'https*://[^ ]*' "$folder/out")
}
stop() {
  kill -TERM $server
  wait $server || failed "the exit code after SIGTERM is $?"
  server=""
}
id_of() { sed 's/.*"id":"\([0-9a-f]*\)".*/\1/'; }

start --stop-seconds 600 # a slow build finishes its job too
id=$(curl -s "${url}api/jobs" -d '{"steps": 3, "count": 3, "seed": 5, "sampler": "heun", "tau": "quadratic"}' | id_of)
curl -s "${url}api/jobs/$id/events" >"$folder/events"
grep -q '"state":"done"' "$folder/events" || failed "no event says done"
for file in grid.png pictures.npz pictures.safetensors; do
  curl -s "${url}api/jobs/$id/$file" >"$folder/served-$file"
  "$program" sample --model models/fashion-mnist --steps 3 --count 3 --seed 5 --sampler heun --tau quadratic --quiet \
    --out "$folder/$file" >/dev/null
  cmp "$folder/served-$file" "$folder/$file" || failed "$file is not what ddim sample writes"
done
# The command that a job names, as a shell reads it, makes the job's pictures.
ln -s "$PWD/models" "$folder/models"
cp docs/pictures/boot.png docs/pictures/right-half.png "$folder"
wait_for() { curl -s "${url}api/jobs/$1/events" >/dev/null; }
check_command() { # ID
  wait_for "$1"
  command=$(curl -s "${url}api/jobs/$1" | sed 's/.*"command":"ddim \([^"]*\)".*/\1/; s/--out .*/--out again.png/')
  (cd "$folder" && eval "\"$program\" $command --overwrite --quiet" >/dev/null 2>err) || failed "$command"
  curl -s "${url}api/jobs/$1/grid.png" >"$folder/served.png"
  cmp "$folder/again.png" "$folder/served.png" || failed "another picture by $command"
}
check_command "$id"
upload() { curl -s "${url}api/uploads?name=$1" --data-binary "@$folder/$1" | id_of; }
boot=$(upload boot.png)
mask=$(upload right-half.png)
for fields in '"count": 2, "eta": 1, "seed": 9' '"task": "interpolate", "frames": 3, "ends": [3, 24]' \
  '"task": "interpolate", "frames": 4, "ends": [3, 24, 8, 5]' \
  '"task": "interpolate", "frames": 3, "resize": "crop-resize", "ends": ["'"$boot"'", 24]' \
  '"count": 3, "strength": 0.5, "resize": "crop-resize", "init_image": "'"$boot"'"' \
  '"count": 2, "seed": 1, "resize": "crop-resize", "init_image": "'"$boot"'", "mask": "'"$mask"'"'; do
  check_command "$(curl -s "${url}api/jobs" -d "{\"steps\": 4, $fields}" | id_of)"
done
encoded=$(curl -s "${url}api/jobs" -d '{"task": "encode", "steps": 4, "resize": "crop-resize", "pictures": ["'"$boot"'"]}' | id_of)
wait_for "$encoded"
curl -s "${url}api/jobs/$encoded/codes.safetensors" >"$folder/served-codes"
(cd "$folder" && "$program" encode boot.png --steps 4 --resize crop-resize --model models/fashion-mnist --out codes.safetensors --quiet >/dev/null)
cmp "$folder/served-codes" "$folder/codes.safetensors" || failed "ddim encode finds other codes"
check_command "$(curl -s "${url}api/jobs" -d '{"task": "decode", "codes": "'"$(upload codes.safetensors)"'"}' | id_of)"
curl -s "${url}api/jobs" -d '{"steps": 40, "count": 16}' >/dev/null
until curl -s "${url}metrics" | grep -q 'ddim_jobs{state="running"} 1'; do sleep 0.02; done
stop
grep -q "1 running job finished; 0 waiting cancelled" "$folder/err" || failed "nothing is said of the running job"
grep -q " POST /api/jobs 202 " "$folder/err" || failed "no line for the request"

openssl req -x509 -newkey rsa:2048 -nodes -keyout "$folder/key.pem" -out "$folder/cert.pem" -days 2 -subj /CN=localhost 2>/dev/null
no_certificate="no certificate"
if "$program" serve --port 0 --model models/fashion-mnist --tls-certificate /dev/null --tls-key /dev/null 2>&1 | grep -q "without OpenSSL"; then
  no_certificate="without TLS" # in this build
else
  start --tls-certificate "$folder/cert.pem" --tls-key "$folder/key.pem" --quiet
  [ "$(curl -s --cacert "$folder/cert.pem" "https://localhost:${url##*:}healthz")" = ok ] || failed "no answer over TLS"
  # An end without close_notify could be that of an attacker who cuts answers short.
  printf 'GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' |
    openssl s_client -quiet -ign_eof -CAfile "$folder/cert.pem" -connect "$(echo "$url" | cut -d/ -f3)" >"$folder/tls" 2>&1 || true
  grep -q '^ok' "$folder/tls" || failed "no answer to openssl"
  grep -q 'unexpected eof' "$folder/tls" && failed "TLS ends without close_notify"
  curl -s "http${url#https}healthz" >/dev/null && failed "an answer without TLS"
  stop
  [ ! -s "$folder/err" ] || failed "not quiet"
fi

# A run in training: the checkpoint that was there at the start may be gone when its weights are wanted.
mkdir "$folder/data"
{ printf '\0\0\10\3\0\0\0\12\0\0\0\10\0\0\0\10' && seq 1 1000 | head -c 640; } >"$folder/data/train-images-idx3-ubyte"
cat >"$folder/tiny.toml" <<'END'
[model]
channels = 1
block_out_channels = [8]
layers_per_block = 1
attention_levels = []
norm_num_groups = 4
[data]
resolution = 8
[training]
batch = 2
shards = 1
steps = 2
[output]
checkpoint_every_steps = 1
tensorboard = false
END
"$program" train "$folder/tiny.toml" --data "$folder/data" --out "$folder/run" --quiet >"$folder/out" 2>"$folder/err" || failed "training"
checkpoints=$folder/run/checkpoints
mv "$checkpoints/step-00000002" "$folder/later"
start --model "run=$folder/run"
mv "$folder/later" "$checkpoints/step-00000002"
rm -r "$checkpoints/step-00000001"
id=$(curl -s "${url}api/jobs" -d '{"model": "run", "steps": 2}' | id_of)
wait_for "$id"
curl -s "${url}api/jobs/$id" | grep -q '"state":"done"' || failed "the run's next checkpoint is not found"
stop

# refused CODE WORD FLAGS ...
refused() {
  code=$1 word=$2 && shift 2
  status=0
  "$program" serve --port 0 "$@" >"$folder/out" 2>"$folder/err" || status=$?
  [ $status = "$code" ] || failed "$* ends with $status, not $code"
  grep -q -- "$word" "$folder/err" || failed "$*: nothing about $word"
}
model="--model models/fashion-mnist"
# shellcheck disable=SC2086 # two words
{
  refused 2 "--model"
  refused 1 "--insecure" $model --address 0.0.0.0
  refused 1 "in numbers" $model --address example.org
  refused 1 "two models" --model models/fashion-mnist,models/fashion-mnist
  refused 1 "--tls-key" $model --tls-certificate "$folder/cert.pem"
  refused 1 "$no_certificate" $model --tls-certificate /dev/null --tls-key /dev/null
  refused 1 "--queue" $model --queue -1
  refused 1 "--allow-host" $model --allow-host 'ok.example,http://other.example'
  refused 1 "--allow-origin" $model --allow-origin '*'
  refused 1 "DDIM_API_KEY" $model --api-key 'clé'
  refused 1 "nowhere" --model nowhere
}
echo done
