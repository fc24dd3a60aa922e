#include "io/safetensors_header.h"

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/error.h"

namespace ddim::engine::io {
namespace {

using nlohmann::json;

/// Follows the parser through the header and stops it at the first thing that does not belong
/// there. States are named for what is open.
class HeaderReader : public nlohmann::json_sax<json> {
 public:
  explicit HeaderReader(const std::string& file_name) : file_name_(file_name) {}

  SafetensorsHeader take() { return std::move(header_); }

  bool null() override { return refuse("null"); }
  bool boolean(bool) override { return refuse("true or false"); }
  bool number_integer(number_integer_t) override { return refuse("a negative number"); }
  bool number_float(number_float_t, const string_t&) override {
    return refuse("a fraction, or a number beyond 64 bits,");
  }
  bool binary(binary_t&) override { return refuse("binary data"); }

  bool number_unsigned(number_unsigned_t value) override {
    if (value > static_cast<number_unsigned_t>(std::numeric_limits<std::int64_t>::max())) {
      return refuse("a number beyond 63 bits");
    }
    if (state_ == State::shape) {
      if (shape_.size() == kMaxRank) fail_tensor("has more than ", kMaxRank, " dimensions");
      shape_.push_back(static_cast<std::int64_t>(value));
      return true;
    }
    if (state_ != State::offsets) return refuse("a number");
    if (offsets_.size() == 2) fail_tensor("has more than two data_offsets");
    offsets_.push_back(value);
    return true;
  }

  bool string(string_t& value) override {
    if (state_ == State::metadata) {
      if (!header_.metadata.emplace(key_, value).second) {
        fail_header("__metadata__ has two entries ", display_name(key_));
      }
      return true;
    }
    if (state_ != State::tensor || key_ != "dtype") return refuse("a string");
    if (type_) fail_tensor("has two dtypes");
    type_ = stored_type_from(value);
    if (!type_) fail_tensor("has an unknown dtype ", display_name(value));
    return true;
  }

  bool start_object(std::size_t) override {
    if (state_ == State::outside) {
      state_ = State::header;
    } else if (state_ != State::header) {
      return refuse("an object");
    } else if (name_ == "__metadata__") {
      if (has_metadata_) fail_header("there are two __metadata__");
      has_metadata_ = true;
      state_ = State::metadata;
    } else {
      if (const auto reason = reason_against_name(name_); !reason.empty()) {
        fail_header("the tensor name ", display_name(name_), " ", reason);
      }
      if (header_.tensors.size() == kMaxTensors) {
        fail_header("there are more than ", kMaxTensors, " tensors");
      }
      state_ = State::tensor;
      type_.reset();
      shape_.clear();
      offsets_.clear();
      has_shape_ = has_offsets_ = false;
    }
    return true;
  }

  bool key(string_t& value) override {
    (state_ == State::header ? name_ : key_) = value;
    return true;
  }

  bool end_object() override {
    if (state_ == State::tensor) {
      if (!type_) fail_tensor("has no dtype");
      if (!has_shape_) fail_tensor("has no shape");
      if (offsets_.size() != 2) fail_tensor("does not have two data_offsets");
      header_.tensors.push_back({name_, *type_, shape_, offsets_[0], offsets_[1]});
    }
    state_ = state_ == State::header ? State::outside : State::header;
    return true;
  }

  bool start_array(std::size_t) override {
    const bool shape = key_ == "shape";
    if (state_ != State::tensor || !(shape || key_ == "data_offsets")) return refuse("an array");
    bool& seen = shape ? has_shape_ : has_offsets_;
    if (seen) fail_tensor("has two entries ", key_);
    seen = true;
    state_ = shape ? State::shape : State::offsets;
    return true;
  }

  bool end_array() override {
    state_ = State::tensor;
    return true;
  }

  bool parse_error(std::size_t position, const std::string&,
                   const nlohmann::detail::exception&) override {
    fail_header("it is not valid JSON from byte ", position, " on");
  }

 private:
  enum class State { outside, header, metadata, tensor, shape, offsets };

  template <class... Parts>
  [[noreturn]] void fail_header(const Parts&... parts) const {
    fail(ErrorCode::corrupt, file_name_, ": bad safetensors header: ", parts...);
  }
  template <class... Parts>
  [[noreturn]] void fail_tensor(const Parts&... parts) const {
    fail_header("tensor ", display_name(name_), " ", parts...);
  }
  [[noreturn]] bool refuse(const char* found) const {
    switch (state_) {
      case State::outside:
        fail_header("an object was expected, ", found, " was found");
      case State::header:
        fail_header("entry ", display_name(name_), " is ", found, ", not an object");
      case State::metadata:
        fail_header("__metadata__ entry ", display_name(key_), " is ", found, ", not a string");
      case State::tensor:
        fail_tensor("has ", found, " as ", display_name(key_),
                    "; dtype (a string), shape and data_offsets (arrays) were expected");
      case State::shape:
      case State::offsets:
        break;
    }
    fail_tensor("has ", found, " in ", key_);
  }

  const std::string& file_name_;
  SafetensorsHeader header_;
  State state_ = State::outside;
  std::string name_, key_;  // the latest keys of the header and of what is inside it
  bool has_metadata_ = false;
  // the tensor being read
  std::optional<StoredType> type_;
  std::vector<std::int64_t> shape_;
  std::vector<std::uint64_t> offsets_;
  bool has_shape_ = false, has_offsets_ = false;
};

}  // namespace

SafetensorsHeader parse_safetensors_header(std::string_view json_text,
                                           const std::string& file_name) {
  // The library would take it for the end of the text.
  if (json_text.find('\0') != std::string_view::npos) {
    fail(ErrorCode::corrupt, file_name,
         ": bad safetensors header: it is not valid JSON: it holds a NUL");
  }
  HeaderReader reader(file_name);
  json::sax_parse(json_text, &reader);
  return reader.take();
}

}  // namespace ddim::engine::io
