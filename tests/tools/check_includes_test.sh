#!/bin/sh
# The include check accepts an allowed line and refuses each kind of wrong one, naming it.
set -eu
check=$1
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT

# try ROOM LINE: the check's output for a project whose only line is LINE, in ROOM.
try() {
  rm -rf "${root:?}"/*
  mkdir -p "$root/src" "$root/include" "$root/app" "$root/examples" "$root/$1"
  echo "$2" >"$root/$1/file.h"
  "$check" "$root"
}
accepts() {
  try "$1" "$2" || { echo "refused in $1: $2"; exit 1; }
}
refuses() {
  if message=$(try "$1" "$2"); then echo "accepted in $1: $2"; exit 1; fi
  case "$message" in
    "$1/file.h:1: "*"$3"*) ;;
    *) echo "poor message for $1: $2: $message"; exit 1 ;;
  esac
}

accepts src/nn '#include "ops/activate.h"'
accepts src/nn '#include "nn/conv2d.h"'
accepts src/base '#include <ddim/error.h>'
accepts app/cli '#include "sample_command.h"'
accepts src/backend '#include <dnnl.hpp>'
accepts src/train '#include "backend/make_device.h"'

accepts src/base 'std::jthread a; int b = std::thread::hardware_concurrency();'
accepts src/base '// as fs::directory_iterator does'

refuses src/nn '#include "io/png.h"' 'nn must not look at io'
refuses src/nn '  #  include "diffusion/plan.h"' 'nn must not look at diffusion'
refuses src/diffusion '#include "nn/unet.h"' 'diffusion must not look at nn'
refuses src/base '#include "tensor/tensor.h"' 'base must not look at tensor'
refuses src/tensor '#include "backend/make_device.h"' 'tensor must not look at backend'
refuses src/train '#include "backend/cpu/cpu_backend.h"' 'train must not look at backend'
refuses src/nn '#include "backend/make_device.h"' 'nn must not look at backend'
refuses app/cli '#include "nn/unet.h"' 'app must not look at nn'
refuses include/ddim '#include "tensor/tensor.h"' 'include must not look at tensor'
refuses include/ddim '#include <nlohmann/json.hpp>' 'third-party'
refuses src/ops '#include "conv2d.h"' 'room/file.h'
refuses src/nn '// runs on cuda' 'must not name a device'
refuses src/ops '#include <dnnl.hpp>' 'must not name a device'
accepts src/tensor 'tensor.values<float>()'
accepts src/model 'HostValues().of(tensor)'
refuses src/model 'auto x = weights[i].values<float>();' 'tensor/host_values.h'
refuses src/train 'std::copy(x.data<float>(), y);' 'tensor/host_values.h'
refuses src/utils '// anything' 'not in tools/check_includes.sh'
refuses src/data 'for (const auto& e : fs::directory_iterator(dir))' 'base/folder.h'
refuses app/server 'std::filesystem::remove_all(path);' 'base/folder.h'
refuses src/io 'std::vector<std::thread> threads;' 'std::jthread'
