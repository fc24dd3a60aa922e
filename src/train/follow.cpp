#include "train/follow.h"

#include <iostream>
#include <memory>

#include "backend/make_device.h"
#include "base/error.h"
#include "base/peak_memory.h"
#include "base/progress.h"
#include "data/dataset.h"
#include "run/reporter.h"
#include "train/held_out.h"
#include "train/orders.h"
#include "train/rules.h"
#include "train/trainer.h"

namespace ddim::engine::train {

TrainRequest share_request(comm::Communicator& ranks, const TrainRequest& request) {
  const std::string config = comm::text_of_first(ranks, to_toml(request.config));
  const std::string data = comm::text_of_first(ranks, request.data.string());
  if (ranks.is_first()) return request;
  return {.config = parse_train_config(config, "configuration of the first rank"), .data = data};
}

void require_same_everywhere(comm::Communicator& ranks, const Device& device,
                             const TrainingData& data) {
  if (ranks.size() == 1) return;
  const auto need = [&](const std::string& own, const auto& say) {
    if (const auto other = comm::find_difference(ranks, own))
      fail(ErrorCode::user, "train: rank ", other->rank, say(other->its, other->of_first));
  };
  const auto need_pictures = [&](const char* kind, const data::Dataset* pictures) {
    need(pictures == nullptr ? "none" : concat("CRC-32 ", data::fingerprint(*pictures)),
         [&](const std::string& own, const std::string& first) {
           return concat(" has other ", kind, " pictures than rank 0 (", own, " instead of ", first,
                         "); --data and data.validation must name the same pictures on every "
                         "machine");
         });
  };
  need_pictures("training", &data.training);
  need_pictures("held-out", data.held_out ? &*data.held_out : nullptr);
  need(device.describe(), [](const std::string& own, const std::string& first) {
    return concat(" computes on ", own, " and rank 0 on ", first,
                  ", so the result would depend on the number of ranks; choose an instruction set "
                  "that all have with DDIM_ISA");
  });
}

StepReport step_together(Trainer& trainer, comm::Communicator& ranks,
                         const std::function<void()>& before_an_error) {
  try {
    return trainer.step();
  } catch (const Error& error) {
    if (error.code() == ErrorCode::numeric) {
      before_an_error();
      ranks.barrier();
    }
    throw;
  }
}

TrainSummary follow_training(const TrainOptions& options,
                             const std::shared_ptr<comm::Communicator>& communicator) {
  comm::Communicator& ranks = *communicator;
  const auto [config, data_path] = share_request(ranks, {});
  const Device device = make_device(DeviceKind::cpu, {.precision = config.training.precision});
  const TrainingData loaded = load_training_data(data_path, config);
  require_same_everywhere(ranks, device, loaded);
  Trainer trainer(config, device, loaded.training, communicator);
  trainer.share_state();

  Progress progress(std::clog, run::style_of(options.show_progress), "steps");
  const std::string name = concat("rank ", ranks.rank(), ": ");
  const ShardRange shards = trainer.own_shards();
  progress.line(concat(name, device.describe(), ", ", trainer.num_threads(), " threads; shards ",
                       shards.first, " to ", shards.end() - 1, " of ",
                       shards_per_step(config.training)));
  TrainSummary result{.skipped_files = skipped_files(loaded)};
  Orders orders(ranks, options.stop);
  for (Order order = orders.take(); order != Order::end; order = orders.take()) {
    switch (order) {
      case Order::step: {
        const StepReport report = step_together(trainer, ranks, [] {});
        result.loss = report.loss;
        ++result.steps_here;
        if (trainer.state().step % config.output.log_every_steps == 0)
          progress.line(concat(name, "step ", trainer.state().step, ", loss ", report.loss));
        break;
      }
      case Order::validate:
        trainer.validation_loss(*loaded.held_out, config.output.validation_count);
        break;
      case Order::gather_average:
        trainer.gather_average();
        break;
      case Order::gather_state:
        trainer.gather_state();
        break;
      case Order::end:
        break;
    }
  }
  const TrainingState& state = trainer.state();
  result.ending = state.step >= config.training.steps ? TrainEnding::finished
                  : options.stop.stop_requested()     ? TrainEnding::interrupted
                                                      : TrainEnding::step_limit;
  result.steps = state.step;
  result.steps_refused = state.step - state.updates;
  result.peak_memory_bytes = peak_memory_bytes();
  return result;
}

}  // namespace ddim::engine::train
