#include <ddim/encode.h>
#include <ddim/image.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/cli/run_program.h"

namespace ddim::cli_test {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

// What a user can get wrong: the command, its exit code, and what the message must contain. The
// folder @ holds: micro/ (a model), and copies of it that are damaged as their names say;
// pictures/; empty/; small.toml; bad.toml (channels are no multiple of the groups); taken.png;
// x_T.safetensors with 2 images; falling.safetensors with
// steps that fall; zero.safetensors, nan.safetensors and grey.safetensors with one;
// small.png of 6x4 pixels; empty.txt. AT stands for the letter @.
struct BadInput {
  const char* name;
  const char* arguments;
  int exit_code;
  std::vector<const char*> message;
};

std::ostream& operator<<(std::ostream& out, const BadInput& input) { return out << input.name; }

const BadInput kBadInputs[] = {
    {"StepsZero",
     "sample --model @/micro --out @/a.png --steps 0",
     1,
     {"--steps", "1 or greater", "got 0"}},
    {"StepsAboveT", "sample --model @/micro --out @/a.png --steps 1001", 1, {"1001", "1000"}},
    {"StepsNegative", "plan --steps -3", 1, {"-3"}},
    {"StepsNoNumber",
     "plan --steps many",
     2,
     {"--steps: \"many\" is not a whole number", "See ddim plan --help."}},
    {"StepsTwice", "plan --steps 3 --steps 4", 2, {"--steps stands twice"}},
    {"TauNearAnother", "plan --tau quadratik", 2, {"--tau", "did you mean quadratic?"}},
    {"SwitchWithValue", "plan --json=yes", 2, {"--json is a switch", "yes"}},
    {"HelpOfNothing", "help sampel", 2, {"did you mean sample?", "See ddim --help."}},
    {"EtaTooLarge", "sample --model @/micro --out @/a.png --steps 4 --eta 9", 1, {"eta", "9"}},
    {"EtaNegative", "plan --eta -0.5", 1, {"eta", "-0.5"}},
    {"EtaNaN", "plan --eta nan", 1, {"eta", "nan"}},
    {"ToleranceNaN", "plan --tolerance nan", 1, {"--tolerance", "must be", "got nan"}},
    {"ModelOfTheNameNan", "info nan", 1, {"nan: no such file"}},
    {"EtaAndSigmaHat", "plan --eta 1 --sigma-hat", 2, {"--eta", "--sigma-hat"}},
    {"OptionNearAnother", "plan --step 3", 2, {"unknown option --step", "did you mean --steps?"}},
    {"CommandNearAnother", "sampel", 2, {"unknown command \"sampel\"", "did you mean sample?"}},
    {"ShortOption",
     "sample -o a.png",
     2,
     {"unknown option -o", "options are words, such as --out"}},
    {"OptionAsCommand", "version", 2, {"unknown command", "did you mean --version?"}},
    {"PullOfNothing", "plan --steps 5 --pull", 1, {"--pull needs --model"}},
    {"ReconstructScaleOfNoGrid",
     "reconstruct @/small.png --model @/micro --scale 3",
     1,
     {"--scale needs --out"}},
    {"ReconstructOverwritesNothing",
     "reconstruct @/small.png --model @/micro --overwrite",
     1,
     {"--overwrite needs --out"}},
    {"ResizeOfSeeds",
     "interpolate 3 4 --resize pad --model @/micro --out @/a.png",
     2,
     {"--resize is not used where no endpoint is a picture"}},
    {"SizeOfAPicture", "info @/small.png --size 64", 2, {"--size is not used for a picture"}},
    {"ScheduleOfAPicture", "info @/small.png --T 5", 2, {"--T is not used for a picture"}},
    {"SeedWithNoise",
     "sample --model @/micro --out @/a.png --noise @/x_T.safetensors --seed 3",
     2,
     {"--seed is not used with --noise, unless --eta adds more"}},
    {"FirstImageWithNoise",
     "sample --model @/micro --out @/a.png --noise @/x_T.safetensors --first-image 3",
     2,
     {"--first-image is not used with --noise"}},
    {"SeedOfAnEncoding",
     "sample --model @/micro --out @/a.png --init-image @/small.png --resize --init-by encoding "
     "--seed 3",
     2,
     {"--seed is not used with --init-by encoding"}},
    {"CountOfAnEncoding",
     "sample --model @/micro --out @/a.png --init-image @/small.png --resize --init-by encoding "
     "--count 3",
     1,
     {"--count 3: --init-by encoding draws the same picture each time"}},
    {"MetadataOfAnNpz",
     "sample --model @/micro --out @/a.npz --no-metadata",
     1,
     {"--no-metadata is for PNG files"}},
    {"OutIsANewFolderWithADot",
     "sample --model @/micro --out @/run.v2",
     1,
     {"must end in .png, .npz or .safetensors (a folder with a dot in its name: in /); got "
      "@/run.v2"}},
    {"OutIsADevice",
     "sample --model @/micro --out /dev/null",
     1,
     {"--out must end in .png, .npz or .safetensors, or be a folder; /dev/null is a file"}},
    {"CodesOfAnotherShape",
     "decode @/grey.safetensors --model @/micro --out @/a.png",
     1,
     {"@/grey.safetensors: holds codes of ", "; the pictures of ", " are 8x8x3"}},
    {"ConfigurationMissing", "train @/nope.toml", 5, {"@/nope.toml"}},
    {"SizeOfAConfiguration",
     "bench @/small.toml --size 33",
     1,
     {"@/small.toml, with size 33x33 as given", "multiple of"}},
    {"ScheduleOfAConfiguration",
     "bench @/small.toml --schedule cosine",
     1,
     {"@/small.toml: a training configuration says its own schedule"}},
    {"SetBesideData",
     "evaluate --eps-error --data @/pictures --model @/micro @/empty",
     2,
     {"@/empty is not used with --eps-error, which takes its pictures from --data"}},
    {"ArgumentNotExpected", "plan maybe", 2, {"unexpected argument \"maybe\""}},
    {"ValueMissing", "sample --out", 2, {"--out needs a value"}},
    {"ColumnsZero",
     "sample --model @/micro --out @/a.png --columns 0",
     1,
     {"--columns", "1 or greater"}},
    {"FirstImageNegative",
     "sample --model @/micro --out @/a.png --first-image -5",
     1,
     {"--first-image must be 0 or greater; got -5"}},
    {"InitByAlone",
     "sample --init-by noise --model @/micro --out @/a.png",
     1,
     {"--init-by needs --init-image"}},
    {"ResizeAlone",
     "sample --resize --model @/micro --out @/a.png",
     1,
     {"--resize needs --init-image"}},
    {"TauUnknown", "plan --tau cubic", 2, {"--tau", "cubic", "quadratic"}},
    {"TauFalls", "sample --model @/micro --out @/a.png --tau 5,3", 1, {"3 comes after 5"}},
    {"TauRepeats", "sample --model @/micro --out @/a.png --tau 5,5", 1, {"5 comes after 5"}},
    {"TauNegative", "plan --tau -1,5", 1, {"-1 is no step", "0 to 999"}},
    {"TauAboveT", "plan --tau 5,1000", 1, {"1000 is no step", "0 to 999"}},
    {"TauNoNumbers", "plan --tau 5,x", 1, {"--tau", "\"x\" is not a number"}},
    {"TauAboveDouble", "plan --tau 5,1e400", 1, {"--tau: 1e400 is too large"}},
    {"TauFileMissing", "plan --tau AT@/no.txt", 5, {"@/no.txt"}},
    {"TauFileEmpty", "plan --tau AT@/empty.txt", 1, {"@/empty.txt: no numbers"}},
    {"TauListAndSteps", "plan --tau 5,9 --steps 2", 1, {"--steps", "--tau"}},
    {"SamplerUnknown", "plan --sampler magic", 2, {"--sampler", "magic", "unipc"}},
    {"SamplerWithoutEta", "plan --sampler heun --eta 0", 1, {"--eta", "heun"}},
    {"SamplerWithoutSigmaHat", "plan --sampler ab2 --sigma-hat", 1, {"sigma-hat", "ab2"}},
    {"SamplerWithoutClip", "plan --sampler euler --clip", 1, {"--clip", "euler", "rederive-eps"}},
    {"AdaptiveAndSteps", "plan --sampler adaptive --steps 5", 1, {"adaptive", "--steps"}},
    {"ToleranceOfNobody", "plan --tolerance 0.1", 1, {"--tolerance", "adaptive"}},
    {"ToleranceZero",
     "plan --sampler adaptive --tolerance 0",
     1,
     {"--tolerance", "greater than 0", "got 0"}},
    {"ThresholdZero", "plan --clip threshold-keep-eps --threshold 0", 1, {"--threshold", "got 0"}},
    {"ThresholdAlone",
     "plan --threshold 0.9",
     1,
     {"--threshold needs the clip threshold-keep-eps"}},
    {"ClipRangeAlone", "plan --clip-range 2", 1, {"--clip-range needs the clip keep-eps"}},
    {"ClipNearAnother",
     "plan --clip keep-esp",
     2,
     {"--clip", "keep-esp", "did you mean keep-eps?"}},
    {"ClipRangeZero", "plan --clip --clip-range 0", 1, {"--clip-range", "greater than 0", "got 0"}},
    {"StepsOffsetOfNobody", "plan --steps-offset 1", 1, {"--steps-offset", "diffusers-leading"}},
    {"StepsOffsetBeyondT",
     "plan --tau diffusers-leading --steps 1000 --steps-offset 1",
     1,
     {"1000", "999"}},
    {"ZeroTerminalSnrAndEps", "plan --zero-terminal-snr", 1, {"alpha_bar is 0", "predicts eps"}},
    {"BetasAndSchedule", "plan --betas 0.1,0.2 --schedule cosine", 2, {"--betas", "--schedule"}},
    {"BetasOfAModel", "plan --betas 0.1,0.2 --model @/micro", 2, {"--betas", "--model"}},
    {"BetasOutOfRange", "plan --betas 0.1,1.2,0.1", 1, {"beta at t = 1 is 1.2"}},
    {"BetasNaN", "plan --betas 0.1,nan", 1, {"ddim: --betas: beta at t = 1 is nan"}},
    {"BetaEndImpossible",
     "plan --schedule linear --beta-end 1.5",
     1,
     {"--beta-end must be a number between 0 and 1, both excluded; got 1.5"}},
    {"BetaStartNaN", "plan --beta-start nan", 1, {"--beta-start must be a number; got nan"}},
    {"BetaOfCosine",
     "plan --schedule cosine --beta-start 0.5",
     1,
     {"--beta-start has no effect with --schedule cosine"}},
    {"ScheduleGivenImpossible",
     "sample --beta-end 1.5 --model @/micro --out @/a.png",
     1,
     {"scheduler_config.json, with beta_end 1.5 as given: beta_end must be a number"}},
    {"SizeImpossible",
     "sample --size 3x3 --model @/micro --out @/a.png",
     1,
     {"config.json, with size 3x3 as given: "}},
    {"CountOfAll",
     "filmstrip --count 9223372036854775807 --model @/micro --out @/a.png",
     1,
     {"--count must be from 1 to 4294967296; got 9223372036854775807"}},
    {"LastImageBeyond",
     "sample --count 4294967296 --first-image 5 --model @/no_weights --out @/a.npz",
     1,
     {"images 5 to 4294967300 do not all exist"}},
    {"InitCannotBeEncoded",
     "sample --init-image @/pictures/0.png --init-by encoding --strength 1 --steps 7 --tau "
     "diffusers-trailing --model @/no_weights --out @/a.png",
     1,
     {"encode: the step from t = "}},
    {"EndCannotBeEncoded",
     "interpolate 1 @/pictures/0.png --steps 7 --tau diffusers-trailing --model @/no_weights --out "
     "@/a.png",
     1,
     {"encode: the step from t = "}},
    {"TauOfAFile",
     "decode @/falling.safetensors --model @/no_weights --out @/a.png",
     4,
     {"ddim: @/falling.safetensors: its tau does not rise from 0 on: entry 1 is 3"}},
    {"ClassWithoutATable",
     "sample --class all --model tests/diffusers/goldens/class_as_time --out @/a.png",
     1,
     {"--class all: this model is told a number for each picture"}},
    {"ClassIsAVector",
     "sample --class cat --model tests/diffusers/goldens/class_vectors --out @/a.png",
     1,
     {"--class cat: this model is told a vector for each picture"}},
    {"ClipUnknown", "plan --clip=hard", 2, {"--clip", "hard", "rederive-eps"}},
    {"BetasImpossible", "plan --beta-start 2", 1, {"beta"}},
    {"FlagUnknown", "plan --stepz 3", 2, {"--stepz"}},
    {"CommandUnknown", "draw", 2, {"draw"}},
    {"NoCommand", "", 2, {"sample", "train"}},
    {"ModelMissing", "sample --model @/nowhere --out @/a.png", 1, {"@/nowhere"}},
    {"ModelIsNone", "sample --model @/empty --out @/a.png", 1, {"@/empty"}},
    {"ModelNotGiven", "sample --out @/a.png", 2, {"--model"}},
    {"WeightsMissing", "sample --model @/no_weights --out @/a.png", 1, {"safetensors"}},
    {"WeightsTruncated", "sample --model @/truncated --out @/a.png", 4, {"safetensors"}},
    {"WeightsOfOtherShape",
     "sample --model @/other_shape --out @/a.png",
     4,
     {"conv_in.weight", ",4,3,3]", ",3,3,3]"}},
    {"ConfigNoJson", "sample --model @/no_json --out @/a.png", 4, {"config.json"}},
    {"ConfigOddChannels", "sample --model @/odd_channels --out @/a.png", 1, {"config.json", "65"}},
    {"OutExists", "sample --model @/micro --out @/taken.png", 1, {"@/taken.png exists"}},
    {"OutFolderMissing", "sample --model @/micro --out @/no/a.png", 1, {"@/no"}},
    {"OutIsNoPicture", "sample --model @/micro --out @/small.toml", 1, {"--out", ".png"}},
    {"TensorsExist",
     "sample --model @/micro --out @/a.png --save-tensors @/x_T.safetensors",
     1,
     {"@/x_T.safetensors exists"}},
    {"CountZero", "sample --model @/micro --out @/a.png --count 0", 1, {"count", "0"}},
    {"BatchZero", "sample --model @/micro --out @/a.png --batch 0", 1, {"batch", "0"}},
    {"ThreadsNegative", "sample --model @/micro --out @/a.png --threads -1", 1, {"threads", "-1"}},
    {"SeedNegative",
     "sample --model @/micro --out @/a.png --seed -1",
     1,
     {"--seed must be 0 or greater; got -1"}},
    {"SeedFarBelow0",
     "sample --model @/micro --out @/a.png --seed -99999999999999999999",
     1,
     {"--seed must be 0 or greater; got -9999"}},
    {"SeedAbove64Bits",
     "sample --model @/micro --out @/a.png --seed 99999999999999999999",
     1,
     {"--seed: 99999999999999999999 is too large"}},
    {"SeedNoNumber",
     "sample --model @/micro --out @/a.png --seed 99999999999999999999x",
     2,
     {"\"99999999999999999999x\" is not a whole number"}},
    {"CountAbove63Bits",
     "sample --model @/micro --out @/a.png --count 99999999999999999999",
     1,
     {"--count: 99999999999999999999 is too large"}},
    {"CountFarBelow0",
     "sample --model @/micro --out @/a.png --count -99999999999999999999",
     1,
     {"is too small"}},
    {"EtaAboveDouble", "plan --eta 1e400", 1, {"--eta: 1e400 is too large"}},
    {"EtaBelowDouble", "plan --eta 1e-400", 1, {"--eta: 1e-400 is too large, or too near to 0"}},
    {"ScaleZero", "sample --model @/micro --out @/a.png --scale 0", 1, {"from 1 to 64, or auto"}},
    {"ScaleLarge",
     "sample --model @/micro --out @/a.png --scale 9999999999",
     1,
     {"got 9999999999"}},
    {"ScaleNegative", "sample --model @/micro --out @/a.png --scale -1", 1, {"got -1"}},
    {"ScaleUnknown", "sample --model @/micro --out @/a.png --scale big", 2, {"or auto; got big"}},
    {"NoiseMissing",
     "sample --model @/micro --out @/a.png --noise @/no.safetensors",
     5,
     {"@/no.s"}},
    {"NoiseNoSafetensors",
     "sample --model @/micro --out @/a.png --noise @/small.toml",
     4,
     {"small"}},
    {"NoiseWithoutXT",
     "sample --model @/micro --out @/a.png --noise "
     "@/micro/unet/diffusion_pytorch_model.safetensors",
     4,
     {"x_T"}},
    {"NoiseOfOtherCount",
     "sample --model @/micro --out @/a.png --count 3 --noise @/x_T.safetensors",
     1,
     {"--noise @/x_T.safetensors holds 2 pictures, but --count is 3"}},
    {"ConfigFileMissing", "plan --config @/no.toml", 5, {"@/no.toml"}},
    {"ConfigFileUnknownKey", "plan --config @/stepz.toml", 2, {"@/stepz.toml", "plan.stepz"}},
    {"TrainDataMissing",
     "train @/small.toml --data @/nowhere --out @/run",
     5,
     {"@/nowhere: no such file"}},
    {"TrainDataWithoutImages", "train @/small.toml --data @/empty --out @/run", 1, {"@/empty"}},
    {"TrainConfigMissing", "train @/no.toml --data @/pictures --out @/run", 5, {"@/no.toml"}},
    {"TrainConfigImpossible",
     "train @/bad.toml --data @/pictures --out @/run",
     1,
     {"model.block_out_channels", "33", "32"}},
    {"TrainConfigUnknownKey", "train @/stepz.toml --data @/pictures --out @/run", 1, {"plan"}},
    {"TrainAttentionLevel",
     "train @/level.toml --data @/pictures --out @/run",
     1,
     {"attention_levels", "7"}},
    {"TrainRunExists", "train @/small.toml --data @/pictures --out @/micro", 1, {"--resume"}},
    {"TrainRunIsTheData",
     "train @/small.toml --data @/pictures --out @/pictures",
     1,
     {"is also read"}},
    {"TrainNothingToResume", "train --resume @/run --data @/pictures", 1, {"@/run"}},
    {"ConvertMissing", "convert @/empty @/converted", 1, {"@/empty"}},
    {"ConvertExists", "convert tests/golden/micro @/micro", 1, {"@/micro"}},
    {"EvaluateWhat", "evaluate --model @/micro --data @/pictures", 2, {"--eps-error"}},
    {"EvaluateTOutOfRange",
     "evaluate --eps-error --model @/micro --data @/pictures --split train --t 1000",
     1,
     {"1000"}},
    {"EvaluateSplitMissing",
     "evaluate --eps-error --model @/micro --data @/empty --split train",
     1,
     {"@/empty", "for the train split"}},
    {"EvaluateSplitUnknown",
     "evaluate --eps-error --model @/micro --data @/pictures --split valid",
     2,
     {"--split", "valid", "train, val, test"}},
    {"BenchWhat", "bench", 2, {"--model", ".toml"}},
    {"BenchOldConfig",
     "bench --config @/small.toml",
     2,
     {"@/small.toml:", "ddim bench @/small.toml"}},
    {"BenchBatchZero", "bench --model @/micro --batch 0", 1, {"batch", "0"}},
    {"LikeNoPicture", "sample --like @/fake.png --out @/a.png", 4, {"@/fake.png"}},
    {"LikeNoRecipe", "sample --like @/pictures/0.png --out @/a.png", 1, {"0.png", "no recipe"}},
    {"PullNoName", "pull ddpm-cifar10-32", 1, {"ddpm-cifar10-32", "OWNER/NAME"}},
    {"ModelsNowhere", "models @/nowhere", 1, {"/nowhere: no such folder"}},
    {"ModelsInAFile", "models @/small.png", 1, {"/small.png: no such folder"}},
    {"PullPath", "pull ../models/mine", 1, {"../models/mine"}},
    {"ModelNotPulled",
     "sample --model nobody/nothing --out @/a.png",
     1,
     {"nobody/nothing", "ddim pull nobody/nothing"}},
    {"EncodeWrongSize",
     "encode @/small.png --model @/micro --out @/c.safetensors",
     1,
     {"@/small.png", "6x4", "8x8", "--resize"}},
    {"EncodeNothing", "encode --model @/micro --out @/c.safetensors", 1, {"--data"}},
    {"EncodeMissing", "encode @/no.png --model @/micro --out @/c.safetensors", 5, {"@/no.png"}},
    {"EncodeNoPicture",
     "encode @/fake.png --model @/micro --out @/c.safetensors",
     4,
     {"@/fake.png"}},
    {"EncodeStepsZero",
     "encode @/pictures/0.png --model @/micro --steps 0 --out @/c.safetensors",
     1,
     {"--steps", "1 or greater", "got 0"}},
    {"EncodeTauFalls",
     "encode @/pictures/0.png --model @/micro --tau 9,5 --out @/c.safetensors",
     1,
     {"tau", "5"}},
    {"EncodeOutExists",
     "encode @/pictures/0.png --model @/micro --out @/x_T.safetensors",
     1,
     {"@/x_T.safetensors exists"}},
    {"EncodeOutIsAPicture",
     "encode @/pictures/0.png --model @/micro --out @/codes.png",
     1,
     {"--out", ".safetensors", "@/codes.png"}},
    {"SampleTensorsAreAPicture",
     "sample --model @/micro --out @/a.png --save-tensors @/x.npz",
     1,
     {"--save-tensors", ".safetensors", "@/x.npz"}},
    {"DecodeTensorsAreAPicture",
     "decode @/x_T.safetensors --model @/micro --out @/a.png --save-tensors @/x.png",
     1,
     {"--save-tensors", ".safetensors", "@/x.png"}},
    {"SampleOutIsAJpeg", "sample --model @/micro --out @/a.jpg", 1, {"--out", ".npz", "@/a.jpg"}},
    {"DecodeOutIsAGif",
     "decode @/x_T.safetensors --model @/micro --out @/a.gif",
     1,
     {"--out", ".safetensors", "@/a.gif"}},
    {"EvaluateSplitOfNone",
     "evaluate --eps-error --model @/micro --data @/pictures --split test",
     1,
     {"@/pictures", "has no test split"}},
    {"BackgroundUnknown",
     "encode --data @/pictures --background sky --model @/micro --out @/c.safetensors",
     1,
     {"--background: unknown colour \"sky\"; expected white, black, grey or #rrggbb"}},
    {"StrengthRoundsToNothing",
     "sample --init-image @/pictures/0.png --steps 10 --strength 0.04 --model @/micro --out "
     "@/a.png",
     1,
     {"strength: 0.04 of 10 steps", "0.05"}},
    {"EncodeResizeUnknown",
     "encode @/small.png --model @/micro --resize=stretch --out @/c.safetensors",
     2,
     {"--resize", "stretch", "crop"}},
    {"EncodeDequantiseUnknown",
     "encode @/pictures/0.png --model @/micro --dequantise normal --out @/c.safetensors",
     2,
     {"--dequantise", "normal", "uniform"}},
    {"DecodeNaN", "decode @/nan.safetensors --model @/micro --out @/a.png", 1, {"NaN"}},
    {"DecodeOtherShape",
     "decode @/grey.safetensors --model @/micro --steps 3 --out @/a.png",
     1,
     {"8x8x1", "8x8x3"}},
    {"DecodeMissing", "decode @/no.safetensors --model @/micro --out @/a.png", 5, {"@/no.s"}},
    {"ReconstructStepsZero",
     "reconstruct @/pictures/0.png --model @/micro --steps 5,0",
     1,
     {"--steps", "1 or greater", "got 0"}},
    {"ReconstructNoPng",
     "reconstruct @/pictures/0.png --model @/micro --out @/a.jpg",
     1,
     {"--out", ".png"}},
    {"InterpolateOneEnd",
     "interpolate 1 --model @/micro --out @/a.png",
     1,
     {"got 1", "two", "four"}},
    {"InterpolateShapes",
     "interpolate 1 @/grey.safetensors --model @/micro --out @/a.png",
     1,
     {"8x8x3", "8x8x1"}},
    {"InterpolateNaN", "interpolate 1 @/nan.safetensors --model @/micro --out @/a.png", 1, {"NaN"}},
    {"InterpolateZero",
     "interpolate 1 @/zero.safetensors --model @/micro --out @/a.png",
     1,
     {"zero"}},
    {"InterpolateOneFrame",
     "interpolate 1 2 --frames 1 --model @/micro --out @/a.png",
     1,
     {"--frames", "from 2", "got 1"}},
    {"InterpolateEndUnknown",
     "interpolate 1 two --model @/micro --out @/a.png",
     1,
     {"two", ".png"}},
    {"InterpolateAnimationName",
     "interpolate 1 2 --animation @/a.gif --model @/micro --out @/a.png",
     1,
     {"--animation", ".webp"}},
    {"ConsistencyStepsAboveT",
     "consistency --steps 2,1001 --model @/micro --out @/a.png",
     1,
     {"1001", "1000"}},
    {"StrengthZero",
     "sample --init-image @/pictures/0.png --strength 0 --model @/micro --out @/a.png",
     1,
     {"strength", "0"}},
    {"StrengthAlone", "sample --strength 0.5 --model @/micro --out @/a.png", 1, {"--init-image"}},
    {"MaskAlone", "sample --mask @/small.png --model @/micro --out @/a.png", 1, {"--init-image"}},
    {"InitWrongSize",
     "sample --init-image @/small.png --model @/micro --out @/a.png",
     1,
     {"@/small.png", "--resize"}},
    {"InitAndNoise",
     "sample --init-image @/pictures/0.png --noise @/x_T.safetensors --model @/micro --out @/a.png",
     2,
     {"--noise", "--init-image", "cannot be used together"}},
    {"InitCount",
     "sample --init-image @/pictures/0.png --init-image @/pictures/1.png --count 3 --model @/micro "
     "--out @/a.png",
     1,
     {"2 pictures for 3"}},
    {"InfoMissing", "info @/nowhere", 1, {"@/nowhere"}},
    {"InfoNoPicture", "info @/fake.png", 4, {"@/fake.png"}},
};

void replace_all(std::string& text, const std::string& from, const std::string& to) {
  for (auto at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
    text.replace(at, from.size(), to);
}

// A copy of the model micro whose unet/config.json says `value` for `key`.
void copy_with(const TemporaryFolder& folder, const std::string& name, const std::string& key,
               const Json& value) {
  fs::copy(folder / "micro", folder / name,
           fs::copy_options::recursive | fs::copy_options::skip_existing);
  const std::string file = folder / (name + "/unet/config.json");
  Json config = Json::parse(read_file(file));
  config[key] = value;
  write_file(file, config.dump());
}

void fill(const TemporaryFolder& folder) {
  const std::string weights = "/unet/diffusion_pytorch_model.safetensors";
  make_micro_model(folder / "micro");
  fs::copy(folder / "micro", folder / "no_weights", fs::copy_options::recursive);
  fs::remove(folder / ("no_weights" + weights));
  fs::copy(folder / "micro", folder / "truncated", fs::copy_options::recursive);
  fs::resize_file(folder / ("truncated" + weights), 100'000);
  fs::copy(folder / "micro", folder / "no_json", fs::copy_options::recursive);
  write_file(folder / "no_json/unet/config.json", "{\"in_channels\": ");
  copy_with(folder, "other_shape", "in_channels", 4);
  copy_with(folder, "other_shape", "out_channels", 4);
  copy_with(folder, "odd_channels", "block_out_channels", {64, 65});
  make_pictures(folder / "pictures", 5);
  fs::create_directory(folder / "empty");

  const std::string config = small_training_config();
  write_file(folder / "small.toml", config);
  std::string changed = config;
  replace_all(changed, "[32, 32]", "[32, 33]");
  write_file(folder / "bad.toml", changed);
  changed = config;
  replace_all(changed, "attention_levels = [1]", "attention_levels = [7]");
  write_file(folder / "level.toml", changed);
  write_file(folder / "empty.txt", "");
  write_file(folder / "stepz.toml", "[plan]\nstepz = 3\n");
  write_file(folder / "taken.png", "precious");
  write_file(folder / "fake.png", "no picture");
  write_tensor(folder / "x_T.safetensors", "x_T",
               {.count = 2, .shape = {3, 8, 8}, .values = std::vector<float>(384)});
  write_tensor(folder / "zero.safetensors", "x_T",
               {.count = 1, .shape = {3, 8, 8}, .values = std::vector<float>(192)});
  write_codes(folder / "falling.safetensors",
              {.x_T = {.count = 1, .shape = {3, 8, 8}, .values = std::vector<float>(192, 1.0F)},
               .tau = {3.0, 5.0}});
  std::string falling = read_file(folder / "falling.safetensors");
  replace_all(falling, "\"3,5\"", "\"5,3\"");
  write_file(folder / "falling.safetensors", falling);
  write_tensor(folder / "grey.safetensors", "x_T",
               {.count = 1, .shape = {1, 8, 8}, .values = std::vector<float>(64, 1.0F)});
  // write_tensor() refuses NaN; another program does not.
  std::string bytes = read_file(folder / "zero.safetensors");
  bytes.replace(bytes.size() - 4, 4, std::string("\0\0\xc0\x7f", 4));
  write_file(folder / "nan.safetensors", bytes);
  write_png(folder / "small.png",
            {.width = 6, .height = 4, .channels = 3, .pixels = std::vector<std::uint8_t>(72, 200)});
}

class BadInputs : public testing::TestWithParam<BadInput> {};

TEST_P(BadInputs, SaysWhatIsWrongAndWritesNothing) {
  const TemporaryFolder folder;
  fill(folder);
  const std::vector<std::string> before = folder.list();
  std::string arguments = GetParam().arguments;
  replace_all(arguments, "AT@", "\1@");  // a real @, before a path
  replace_all(arguments, "@", folder.path().string());
  replace_all(arguments, "\1", "@");

  const Outcome run = run_ddim(arguments);
  EXPECT_EQ(run.exit_code, GetParam().exit_code) << run.err;
  EXPECT_EQ(run.out, "");
  for (std::string part : GetParam().message) {
    replace_all(part, "@", folder.path().string());
    EXPECT_NE(run.err.find(part), std::string::npos) << "no \"" << part << "\" in: " << run.err;
  }
  EXPECT_EQ(folder.list(), before);
  EXPECT_EQ(read_file(folder / "taken.png"), "precious");
}

INSTANTIATE_TEST_SUITE_P(Cli, BadInputs, testing::ValuesIn(kBadInputs),
                         [](const auto& input) { return std::string(input.param.name); });

}  // namespace
}  // namespace ddim::cli_test
