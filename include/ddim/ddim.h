#pragma once

/// @namespace ddim
/// Denoising diffusion implicit models (arXiv:2010.02502): the whole public library.
///
///     auto model = ddim::Model::load("models/fashion-mnist");
///     auto images = ddim::sample(model, {.plan = {.steps = 50}, .count = 16, .seed = 7});
///     ddim::write_png_grid("grid.png", images);
///
/// What goes wrong throws ddim::Error.
///
/// Threads. All functions may be called from several threads at once, and several models may work
/// at the same time, each with as many threads as its RunOptions say; results do not depend on it.
/// A Model may be shared, copied and called by any threads: it never changes. A Job may be watched
/// and cancelled from any thread. All other types are plain values, as those of the standard
/// library: what one thread writes, another must not use at the same time. Callbacks (progress,
/// preview, sinks) come one at a time for each call, from any of its threads, and hold it up while
/// they run; they may request its stop. Two calls must not write the same file.

#include "ddim/activation.h"
#include "ddim/animation.h"
#include "ddim/bench.h"
#include "ddim/class_choice.h"
#include "ddim/consistency.h"
#include "ddim/convert.h"
#include "ddim/counts.h"
#include "ddim/data_options.h"
#include "ddim/denoiser.h"
#include "ddim/device_kind.h"
#include "ddim/encode.h"
#include "ddim/error.h"
#include "ddim/evaluate.h"
#include "ddim/file_bytes.h"
#include "ddim/filmstrip.h"
#include "ddim/forward_process.h"
#include "ddim/image.h"
#include "ddim/init_image.h"
#include "ddim/interpolate.h"
#include "ddim/job.h"
#include "ddim/json.h"
#include "ddim/memory_use.h"
#include "ddim/model.h"
#include "ddim/model_overrides.h"
#include "ddim/models.h"
#include "ddim/names.h"
#include "ddim/overwrite.h"
#include "ddim/picture_shape.h"
#include "ddim/picture_sink.h"
#include "ddim/pictures.h"
#include "ddim/plan.h"
#include "ddim/precision.h"
#include "ddim/preset.h"
#include "ddim/pull.h"
#include "ddim/quality.h"
#include "ddim/ranks.h"
#include "ddim/reconstruct.h"
#include "ddim/reproduce.h"
#include "ddim/resizing.h"
#include "ddim/run_options.h"
#include "ddim/sample.h"
#include "ddim/sample_files.h"
#include "ddim/sampler.h"
#include "ddim/train.h"
#include "ddim/train_config.h"
#include "ddim/unet_config.h"
#include "ddim/verification.h"
#include "ddim/version.h"
#include "ddim/weight_set.h"
#include "ddim/words.h"
