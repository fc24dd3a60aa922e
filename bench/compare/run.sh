#!/bin/sh
# Times ddim beside PyTorch, OpenVINO and ONNX Runtime: the same network with the same weights, all in one run on this machine.
#   bench/compare/run.sh BUILD_FOLDER OUTPUT_FOLDER [flags of compare.py, such as --quick]
# The peers live in a Python environment of their own, outside the repository: DDIM_COMPARE_ENV, made when it is not there.
set -eu
build=$(cd "$1" && pwd)
out=$2
shift 2
environment=${DDIM_COMPARE_ENV:-${XDG_CACHE_HOME:-$HOME/.cache}/ddim-compare}
here=$(cd "$(dirname "$0")" && pwd)

[ -x "$environment/bin/python" ] || python3 -m venv "$environment"
"$environment/bin/python" -c 'import numpy, onnx, onnxruntime, onnxscript, openvino, safetensors, torch' 2>/dev/null ||
  "$environment/bin/pip" install --quiet numpy onnx onnxruntime onnxscript openvino safetensors torch
mkdir -p "$out"
exec "$environment/bin/python" "$here/compare.py" --program "$build/ddim" --out "$out" "$@"
