#include "model/official_names.h"

#include <charconv>

#include "base/error.h"

namespace ddim::engine::model {
namespace {

struct Renaming {
  std::string_view diffusers, official;
};

/// Layers outside the levels.
constexpr Renaming kTopLevel[] = {
    {"conv_in.", "conv_in."},
    {"time_embedding.linear_1.", "temb.dense.0."},
    {"time_embedding.linear_2.", "temb.dense.1."},
    {"mid_block.resnets.0.", "mid.block_1."},
    {"mid_block.attentions.0.", "mid.attn_1."},
    {"mid_block.resnets.1.", "mid.block_2."},
    {"conv_norm_out.", "norm_out."},
    {"conv_out.", "conv_out."},
};
/// Within a level, after its number.
constexpr Renaming kParts[] = {
    {"resnets.", "block."},
    {"attentions.", "attn."},
    {"downsamplers.0.", "downsample."},
    {"upsamplers.0.", "upsample."},
};
/// Layers of a res block and of an attention whose names differ.
constexpr Renaming kLayers[] = {
    {"time_emb_proj.", "temb_proj."},
    {"conv_shortcut.", "nin_shortcut."},
    {"group_norm.", "norm."},
    {"to_q.", "q."},
    {"to_k.", "k."},
    {"to_v.", "v."},
    {"to_out.0.", "proj_out."},
};

bool consume(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

/// "12." from the front of `text`.
std::int64_t consume_number(std::string_view& text) {
  std::int64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, problem] = std::from_chars(text.data(), end, number);
  if (problem != std::errc() || rest == end || *rest != '.') return -1;
  text.remove_prefix(static_cast<std::size_t>(rest - text.data()) + 1);
  return number;
}

template <std::size_t N>
std::string renamed_start(std::string_view& text, const Renaming (&renamings)[N]) {
  for (const Renaming& renaming : renamings) {
    if (consume(text, renaming.diffusers)) return std::string(renaming.official);
  }
  return "";
}

}  // namespace

std::string official_name(std::string_view diffusers_name, std::int64_t num_levels) {
  std::string_view rest = diffusers_name;
  std::string result = renamed_start(rest, kTopLevel);
  if (result.empty()) {
    const bool up = rest.starts_with("up_blocks.");
    const bool known = consume(rest, "up_blocks.") || consume(rest, "down_blocks.");
    const std::int64_t block = consume_number(rest);
    const std::string part = renamed_start(rest, kParts);
    ensure(known && block >= 0 && block < num_levels && !part.empty(),
           "official_name: ", diffusers_name, " is not a parameter of a U-Net with ", num_levels,
           " levels");
    result =
        up ? concat("up.", num_levels - 1 - block, ".", part) : concat("down.", block, ".", part);
    if (part == "block." || part == "attn.") result += concat(consume_number(rest), ".");
  }
  result += renamed_start(rest, kLayers);
  result += rest;
  return result;
}

std::vector<std::int64_t> official_shape(std::string_view diffusers_name, const Shape& shape) {
  std::vector<std::int64_t> result(shape.dims().begin(), shape.dims().end());
  if (diffusers_name.find(".attentions.") != std::string_view::npos && shape.rank() == 2)
    result.insert(result.end(), {1, 1});
  return result;
}

}  // namespace ddim::engine::model
