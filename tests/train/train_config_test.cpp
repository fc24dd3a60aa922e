#include "train/train_config.h"

#include "backend/make_device.h"
#include "nn/unet.h"
#include "tests/support/expect_error.h"
#include "tests/train/tiny_run.h"

namespace ddim::engine::train {
namespace {

using test::expect_error;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

const std::string kSmallest = "[model]\nblock_out_channels = [64]\n";

TEST(TrainConfig, KeepsDefaultsForWhatIsNotNamed) {
  const TrainConfig config = parse_train_config(kSmallest, "f");
  EXPECT_EQ(config.training.batch, 128);
  EXPECT_EQ(config.diffusion.T, 1000);
  EXPECT_EQ(config.model.sample_size, 32);
  EXPECT_FALSE(config.model.attention_head_dim.has_value());
}

TEST(TrainConfig, ReadsEveryKindOfValue) {
  const TrainConfig config = parse_train_config(kSmallest + R"(
attention_head_dim = 32
channels = 1
[data]
resolution = 16
fit = "crop-resize"
flip = true
[training]
learning_rate = 1
loss = "sum"
initialisation = "ho"
decay = "cosine"
)",
                                                "f");
  EXPECT_EQ(config.model.attention_head_dim, 32);
  EXPECT_EQ(config.model.in_channels, 1);
  EXPECT_EQ(config.model.out_channels, 1);
  EXPECT_EQ(config.model.sample_size, 16);
  EXPECT_EQ(config.data.fit, Fit::crop_resize);
  EXPECT_TRUE(config.data.flip);
  EXPECT_EQ(config.training.learning_rate, 1.0);
  EXPECT_EQ(config.training.loss, Loss::sum);
  EXPECT_EQ(config.training.initialisation, Initialisation::ho);
  EXPECT_EQ(config.training.decay, Decay::cosine);
}

TEST(TrainConfig, RefusesWithFileLineAndKey) {
  struct Case {
    const char* lines;
    const char* message;
  };
  const std::vector<Case> cases{
      {"[training]\nbacth = 3", "f.toml:4: unknown key training.bacth; keys of [training] are"},
      {"[trainig]\n", "f.toml:3: unknown section [trainig]; sections are data, diffusion, model"},
      {"seed = 1", "f.toml:3: unknown key model.seed; keys of [model] are"},
      {"[training]\nbatch = 0", "f.toml:4: training.batch must be from 1 to 65536; found 0"},
      {"[training]\nbatch = -1", "found -1"},
      {"[training]\nbatch = 2.5", "f.toml:4: training.batch must be a whole number; found 2.5"},
      {"[training]\nbatch = 5.0", "f.toml:4: training.batch must be a whole number; found 5.0"},
      {"[training]\nbatch = \"8\"", "training.batch must be a whole number"},
      {"[training]\nsteps = 99999999999", "training.steps must be from"},
      {"[training]\nlearning_rate = 0",
       "training.learning_rate must be above 0 and at most 1e+06; found 0"},
      {"[training]\nlearning_rate = nan",
       "training.learning_rate must be above 0 and at most 1e+06; found nan"},
      {"[training]\nlearning_rate = inf", "training.learning_rate must be above 0"},
      {"[training]\nlearning_rate = true", "training.learning_rate must be a number; found true"},
      {"[training]\nbeta2 = 1.0", "training.beta2 must be 0 or greater and below 1; found 1"},
      {"[training]\nema_decay = 1", "training.ema_decay must be 0 or greater and below 1; found 1"},
      {"[training]\nepsilon = 1e-46", "training.epsilon must be from 1.2e-38 to 1; found 1e-46"},
      {"norm_eps = 1e-39", "model.norm_eps must be from 1.2e-38 to 1; found 1e-39"},
      {"norm_eps = 1.5", "model.norm_eps must be from 1.2e-38 to 1; found 1.5"},
      {"[training]\nclip_norm = -1.0", "training.clip_norm must be from 0 to 1e+30; found -1"},
      {"[training]\nseed = -1", "training.seed must be from"},
      {"[training]\nloss = \"max\"", "training.loss must be \"mean\" or \"sum\"; found 'max'"},
      {"[training]\nloss = 1", "training.loss must be \"mean\" or \"sum\""},
      {"[training]\nbatch = 6\nshards = 4",
       "f.toml: training.batch (6) must be a multiple of training.shards (4)"},
      {"[training]\nsteps = 5\nwarmup_steps = 5\ndecay = \"cosine\"", "training.warmup_steps (5)"},
      {"[training]\nsteps = 5\nwarmup_steps = 2\ndecay = \"cosine\"\ndecay_steps = 4",
       "training.decay_steps (4)"},
      {"[training]\ndecay = \"cosine\"\nlearning_rate_final = 1.0",
       "training.learning_rate_final (1)"},
      {"[training]\nclip_norm = 9223372036854775807\nlearning_rate = 9007199254740993",
       "training.learning_rate must be above 0 and at most 1e+06; found 9007199254740993"},
      {"[diffusion]\nT = 10\n[output]\nevaluate_every_steps = 5",
       "output.evaluate_steps (20) must not be above diffusion.T (10)"},
      {"[output]\nname = \"\\uD800\"", "f.toml:4:"},
      {"dropout = 1.0", "f.toml:3: model.dropout must be from 0 to 0.99; found 1"},
      {"attention_levels = [0, \"1\"]", "model.attention_levels must hold whole numbers only"},
      {"attention_levels = 1", "model.attention_levels must be a list of whole numbers"},
      {"attention_levels = [1]", "attention_levels"},
      {"norm_num_groups = 48", "norm_num_groups"},
      {"[diffusion]\nbeta_start = 0.1\nbeta_end = 0.01", "diffusion.beta_start (0.1)"},
      {"[diffusion]\nT = 0", "diffusion.T must be from"},
      {"[diffusion]\nschedule = \"quadratic\"",
       "diffusion.schedule must be \"linear\" or \"scaled"},
      {"[diffusion]\nprediction = \"noise\"", "diffusion.prediction must be \"eps\" or \"x0\" or"},
      {"[diffusion]\nbetas = [0.1]", "diffusion.betas holds numbers, but diffusion.schedule is"},
      {"[diffusion]\nbetas = [\"a\"]", "diffusion.betas must hold numbers only"},
      {"[diffusion]\nbetas = [1.5]",
       "diffusion.betas must be above 0 and at most 0.999; found 1.5"},
      {"[diffusion]\nschedule = \"list\"\nbetas = [0.1]",
       "diffusion.betas holds 1 numbers, but diffusion.T is 1000"},
      {"[diffusion]\nzero_terminal_snr = true", "set diffusion.prediction to \"v\" or \"x0\""},
      {"[diffusion]\nbeta_start = 0.5\nbeta_end = 0.9", "f.toml: diffusion: betas: alpha_bar"},
      {"[data]\nflip = 1", "f.toml:4: data.flip must be true or false; found 1"},
      {"[data]\nfit = \"stretch\"", "data.fit must be \"none\" or \"pad\" or \"crop-resize\""},
      {"[output]\nkeep_checkpoints = 1", "output.keep_checkpoints must be from 2 to"},
      {"[output]\ncheckpoint_every_steps = 0", "output.checkpoint_every_steps must be from 1 to"},
      {"[output]\nsample_every_steps = 1\nsample_steps = 2000", "output.sample_steps (2000)"},
      {"data = 3", "unknown key model.data; keys"},
      {"[training]\nbatch = 8\nbatch = 9", "f.toml:5: "},
      {"[training\n", "f.toml:3: "},
  };
  for (const Case& c : cases)
    expect_error(ErrorCode::user, c.message,
                 [&] { parse_train_config(kSmallest + c.lines, "f.toml"); });
  expect_error(ErrorCode::user, "block_out_channels", [] { parse_train_config("", "f.toml"); });
  expect_error(ErrorCode::user, "f.toml:1: training must be a section; found 3",
               [] { parse_train_config("training = 3", "f.toml"); });
  expect_error(ErrorCode::io, "missing.toml", [] { load_train_config("missing.toml"); });
}

TEST(TrainConfig, WritesAllOfItself) {
  TrainConfig config = tiny_config();
  config.training.learning_rate = 0.1 + 0.2;  // needs 17 digits
  config.model.attention_head_dim = 8;
  config.diffusion.beta_start = 1e-7;
  config.data.fit = Fit::pad;
  const TrainConfig again = parse_train_config(to_toml(config), "f");
  EXPECT_EQ(again.model, config.model);
  EXPECT_EQ(again.training.learning_rate, 0.1 + 0.2);
  EXPECT_EQ(again.data.fit, Fit::pad);
  EXPECT_EQ(to_toml(again), to_toml(config));
  EXPECT_THAT(to_toml(config), ::testing::HasSubstr("beta_start = 1e-07\n"));
  EXPECT_THAT(to_toml(config), ::testing::HasSubstr("clip_norm = 1.0\n"));
}

TEST(TrainConfig, AResolutionCanBeHeightAndWidth) {
  const TrainConfig config = parse_train_config(kSmallest + "[data]\nresolution = [16, 32]\n", "f");
  EXPECT_EQ(config.model.height(), 16);
  EXPECT_EQ(config.model.width(), 32);
  EXPECT_THAT(to_toml(config), ::testing::HasSubstr("resolution = [16, 32]\n"));
  EXPECT_EQ(parse_train_config(to_toml(config), "f").model, config.model);
  EXPECT_THAT(to_toml(tiny_config()), ::testing::HasSubstr("resolution = 8\n"));
  for (const char* bad : {"[16]", "[16, 32, 3]", "[16, 0]", "\"16x32\"", "[]"})
    expect_error(ErrorCode::user, "data.resolution", [&] {
      parse_train_config(kSmallest + "[data]\nresolution = " + bad + "\n", "f");
    });
}

TEST(TrainConfig, ClassesAndLabelDropoutMakeTheTable) {
  const TrainConfig plain = parse_train_config(kSmallest + "num_classes = 10\n", "f");
  EXPECT_EQ(plain.model.class_embed_type, ClassEmbedType::lookup);
  EXPECT_EQ(plain.model.num_class_embeds, 10);
  EXPECT_EQ(plain.model.null_class, std::nullopt);
  const std::string guided = kSmallest +
                             "num_classes = 10\nact_fn = \"mish\"\nresnet_time_scale_shift = " +
                             "\"scale_shift\"\n[training]\nlabel_dropout = 0.1\n";
  const TrainConfig config = parse_train_config(guided, "f");
  EXPECT_EQ(config.model.num_class_embeds, 11);
  EXPECT_EQ(config.model.null_class, 10);
  EXPECT_EQ(config.model.act_fn, Activation::mish);
  EXPECT_EQ(parse_train_config(to_toml(config), "f").model, config.model);
  EXPECT_THAT(to_toml(config), ::testing::HasSubstr("num_classes = 10\n"));
  EXPECT_EQ(parse_train_config(kSmallest, "f").model.class_embed_type, ClassEmbedType::none);
  expect_error(ErrorCode::user, "f: training.label_dropout (0.1) must be 0 for a network without",
               [] { parse_train_config(kSmallest + "[training]\nlabel_dropout = 0.1\n", "f"); });
}

TEST(TrainConfig, EveryForwardProcessComesBack) {
  TrainConfig config = tiny_config();
  config.diffusion = {.schedule = BetaKind::list,
                      .T = 3,
                      .betas = {0.1, 0.25, 1.0 / 3.0},
                      .terminal_snr = TerminalSnr::zero,
                      .prediction = Prediction::v};
  const TrainConfig again = parse_train_config(to_toml(config), "f");
  EXPECT_EQ(again.diffusion.schedule, BetaKind::list);
  EXPECT_EQ(again.diffusion.betas, config.diffusion.betas);
  EXPECT_EQ(again.diffusion.prediction, Prediction::v);
  EXPECT_EQ(again.diffusion.terminal_snr, TerminalSnr::zero);
  EXPECT_THAT(differences(again, config, 10), IsEmpty());
  TrainConfig other = config;
  other.diffusion.prediction = Prediction::x0;
  EXPECT_THAT(differences(other, config, 10),
              ::testing::ElementsAre("diffusion.prediction is \"x0\", the checkpoint has \"v\""));
}

TEST(TrainConfig, DifferencesNameWhatDecidesTheResult) {
  const TrainConfig before = tiny_config();
  TrainConfig now = before;
  now.training.threads = 7;
  now.output.log_every_steps = 99;
  EXPECT_THAT(differences(now, before, 10), IsEmpty());
  now.training.batch = 64;
  now.model.dropout = 0.0;
  EXPECT_THAT(differences(now, before, 10),
              ElementsAre("model.dropout is 0.0, the checkpoint has 0.1",
                          "training.batch is 64, the checkpoint has 8"));
}

TEST(TrainConfig, LearningRateKeysMayChangeForStepsToCome) {
  TrainConfig before = tiny_config();
  before.training.steps = 20;
  before.training.decay = Decay::cosine;
  before.training.decay_steps = 8;
  TrainConfig now = before;
  now.training.steps = 30;
  EXPECT_THAT(differences(now, before, 12), IsEmpty());
  EXPECT_THAT(differences(now, before, 14),
              ElementsAre("training.steps is 30, the checkpoint has 20"));
  now.training.learning_rate = 2 * before.training.learning_rate;
  EXPECT_THAT(differences(now, before, 12), ::testing::SizeIs(2));
}

TEST(TrainConfig, ShippedOnesAreReadAndHaveTheirNetworks) {
  const auto num_parameters = [](const char* file) {
    return UNet(make_dry_device(), load_train_config(file).model).num_parameters();
  };
  EXPECT_EQ(num_parameters("configs/cifar10.toml"), 35746307);
  EXPECT_EQ(num_parameters("configs/cifar10-official.toml"), 35746307);
  EXPECT_EQ(num_parameters("configs/cifar10-small.toml"), 8954883);
  EXPECT_LT(num_parameters("configs/fashion-mnist.toml"), 4'000'000);  // 8 MB in half precision
  EXPECT_EQ(num_parameters("configs/emoji.toml"), 7'938'979);          // 8.1 MB in 8 bits
  EXPECT_EQ(load_train_config("configs/cifar10-official.toml").training.loss, Loss::sum);
  for (const auto& entry : std::filesystem::directory_iterator("configs"))
    EXPECT_THAT(without_effect(load_train_config(entry.path())), IsEmpty()) << entry.path();
}

TEST(TrainConfig, ValidationIsAShareOrAText) {
  const auto parsed = [](const std::string& value) {
    return parse_train_config(
        "[data]\nvalidation = " + value + "\n[model]\nblock_out_channels = [32]", "f.toml");
  };
  EXPECT_EQ(parsed("0.05").data.validation.share, 0.05);
  EXPECT_EQ(parsed("\"test\"").data.validation.source, "test");
  for (const char* value : {"0.05", "\"test\"", "\"a \\\"b\\\" c\\\\d\""}) {
    const TrainConfig config = parsed(value);
    const TrainConfig again = parse_train_config(to_toml(config), "again");
    EXPECT_EQ(again.data.validation.share, config.data.validation.share);
    EXPECT_EQ(again.data.validation.source, config.data.validation.source);
  }
  expect_error(ErrorCode::user, "f.toml:2: data.validation must be from 0 to 0.5",
               [&] { parsed("0.9"); });
  expect_error(ErrorCode::user, "data.validation must be a number or a text in quotes",
               [&] { parsed("[1]"); });
  expect_error(ErrorCode::user, "data.validation must be one line of text",
               [&] { parsed("\"a\\nb\""); });
}

TEST(TrainConfig, ABatchInManyPartsHasALimit) {
  expect_error(ErrorCode::user, "training.batch (65536) times training.accumulate (1024)", [] {
    parse_train_config(
        "[model]\nblock_out_channels = [32]\n[training]\nbatch = 65536\naccumulate = 1024", "f");
  });
}

}  // namespace
}  // namespace ddim::engine::train
