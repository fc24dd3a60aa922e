#!/bin/sh
# Checks that every #include between rooms follows an arrow of ARCHITECTURE.md, that the rooms that hold
# the network and the mathematics name no device, that no room looks into the memory of one, and that nobody uses
# what ends the process instead of throwing. Prints each wrong line; exits 1 if any.
#   tools/check_includes.sh [ROOT]
set -eu
cd "${1:-$(dirname "$0")/..}"

find src include app bindings examples -name '*.h' -o -name '*.cpp' | sort | xargs awk '
  BEGIN {
    # room: the rooms that it may look at, besides itself and include/ddim
    may["base"]      = ""
    may["tensor"]    = "base"
    may["ops"]       = "base tensor"
    may["backend"]   = "base tensor"
    may["nn"]        = "base tensor ops"
    may["diffusion"] = "base tensor"
    may["io"]        = "base"
    may["hub"]       = "base io"
    may["data"]      = "base io"
    may["comm"]      = "base"
    may["report"]    = "base"
    may["model"]     = "base tensor nn diffusion io"
    may["run"]       = "base tensor nn diffusion"
    may["train"]     = "base tensor comm model run nn diffusion data io report"
    may["eval"]      = "base tensor run train nn diffusion data"
    may["api"]       = "base backend comm diffusion io hub data model run train eval report"
    may["include"]   = ""
    may["app"]       = ""
    may["bindings"]  = ""
    may["examples"]  = ""
    # A backend is seen through these two, by whoever runs a network.
    may_run = " model run train eval "
    # Headers of include/ddim that are not vocabulary but calls on a Model: for api and those above it.
    calls = " animation ddim file_bytes filmstrip interpolate job model models pictures preset pull quality reproduce version "
    runner["backend/make_device.h"]
    runner["backend/profiling.h"]
    num_wrong = 0
  }

  FNR == 1 {
    split(FILENAME, part, "/")
    room = part[1] == "src" ? part[2] : part[1]
    if (!(room in may)) wrong("the room " room " is not in tools/check_includes.sh")
    deviceless = room ~ /^(ops|nn|diffusion)$/
  }

  /^[ \t]*#[ \t]*include[ \t]*"/ {
    split($0, quoted, "\"")
    if (split(quoted[2], target, "/") == 1) {
      if (room != "app" && room != "bindings" && room != "examples") wrong("write \"room/file.h\"")
      next
    }
    if (quoted[2] in runner && index(may_run, " " room " ")) next
    if (target[1] != room && target[1] != "ddim" &&
        index(" " may[room] " ", " " target[1] " ") == 0)
      wrong(room " must not look at " target[1])
  }

  # A room sees the vocabulary of include/ddim.
  room !~ /^(api|include|app|bindings|examples)$/ && /^[ \t]*#[ \t]*include[ \t]*<ddim\// {
    match($0, /<ddim\/[a-z_]+/)
    header = substr($0, RSTART + 6, RLENGTH - 6)
    if (index(calls, " " header " ")) wrong(room " must not look at the calls of <ddim/" header ".h>")
  }

  # Internals live in ddim::engine; a room opens ddim itself only to define what include/ddim declares of it.
  room !~ /^(api|include|app|bindings|examples|diffusion|io|train)$/ && /^namespace ddim( |::[^e])/ {
    wrong("internals live in namespace ddim::engine")
  }

  # The kernels of a backend know what machine they run on; nothing above them does.
  deviceless && tolower($0) ~ /cuda|cudnn|cublas|dnnl|onednn|omp\.h|#pragma omp|hwy|immintrin/ {
    wrong(room " must not name a device or a library of one")
  }

  # Memory of a GPU is not readable for the host.
  room !~ /^(tensor|backend)$/ && /[.>](template )?(data|data_or_null|values)<[a-z]/ {
    wrong("the elements of a tensor are for kernels; tensor/host_values.h has them for the host")
  }

  # The public headers and what is built on them see the standard library and <ddim/...> only.
  (room == "include" || room == "examples") && /^[ \t]*#[ \t]*include[ \t]*</ &&
    !/<ddim\// && !/<std(def|int)\.h>/ && !/<[a-z_]+>/ { wrong(room " must not use a third-party header") }

  # What ends the process instead of throwing.
  /directory_iterator|(fs|filesystem)::remove_all/ && !/^[ \t]*\/\// {
    wrong("without memory this ends the process; base/folder.h throws")
  }
  /std::thread([^:]|$)/ && !/^[ \t]*\/\// {
    wrong("ends the process where something throws before join(); std::jthread does not")
  }

  function wrong(reason) {
    printf "%s:%d: %s: %s\n", FILENAME, FNR, reason, $0
    ++num_wrong
  }

  END { exit num_wrong > 0 }
'
