#include "io/torch_writer.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>

#include "base/error.h"
#include "io/zip_writer.h"

namespace ddim::engine::io {
namespace {

// The operations, by the names of Python's pickletools.
constexpr std::uint8_t PROTO = 0x80, STOP = '.', MARK = '(', EMPTY_LIST = ']', APPENDS = 'e',
                       EMPTY_DICT = '}', SETITEMS = 'u', NONE = 'N', NEWTRUE = 0x88,
                       NEWFALSE = 0x89, BININT = 'J', LONG1 = 0x8a, BINFLOAT = 'G',
                       BINUNICODE = 'X', TUPLE = 't', TUPLE2 = 0x86, EMPTY_TUPLE = ')',
                       GLOBAL = 'c', REDUCE = 'R', BINPERSID = 'Q';

const char* storage_name(StoredType type) {
  switch (type) {
    case StoredType::f64:
      return "DoubleStorage";
    case StoredType::f32:
      return "FloatStorage";
    case StoredType::f16:
      return "HalfStorage";
    case StoredType::bf16:
      return "BFloat16Storage";
    case StoredType::i64:
      return "LongStorage";
    default:
      fail(ErrorCode::user, "a tensor of ", to_string(type), " cannot be written for PyTorch");
  }
}

std::vector<std::int64_t> row_major_strides(const std::vector<std::int64_t>& shape) {
  std::vector<std::int64_t> strides(shape.size());
  std::int64_t stride = 1;
  for (std::size_t axis = shape.size(); axis-- > 0; stride *= shape[axis]) strides[axis] = stride;
  return strides;
}

}  // namespace

TorchWriter::TorchWriter(std::string folder) : folder_(std::move(folder)) {
  put(PROTO);
  put(2);
}

template <class T>
void TorchWriter::put_number(T value) {
  const std::size_t size = pickle_.size();
  pickle_.resize(size + sizeof value);
  std::memcpy(pickle_.data() + size, &value, sizeof value);
}

void TorchWriter::open_list() {
  put(EMPTY_LIST);
  put(MARK);
}
void TorchWriter::close_list() { put(APPENDS); }
void TorchWriter::open_dict() {
  put(EMPTY_DICT);
  put(MARK);
}
void TorchWriter::close_dict() { put(SETITEMS); }

void TorchWriter::none() { put(NONE); }
void TorchWriter::boolean(bool value) { put(value ? NEWTRUE : NEWFALSE); }

void TorchWriter::integer(std::int64_t value) {
  const bool is_small = value >= std::numeric_limits<std::int32_t>::min() &&
                        value <= std::numeric_limits<std::int32_t>::max();
  if (is_small) {
    put(BININT);
    put_number(static_cast<std::int32_t>(value));
  } else {
    put(LONG1);
    put(sizeof value);
    put_number(value);
  }
}

void TorchWriter::real(double value) {
  put(BINFLOAT);  // big-endian
  const auto first = static_cast<std::ptrdiff_t>(pickle_.size());
  put_number(value);
  std::reverse(pickle_.begin() + first, pickle_.end());
}

void TorchWriter::text(std::string_view value) {
  put(BINUNICODE);
  put_number(static_cast<std::uint32_t>(value.size()));
  pickle_ += value;
}

void TorchWriter::real_pair(double first, double second) {
  real(first);
  real(second);
  put(TUPLE2);
}

void TorchWriter::global(std::string_view module, std::string_view name) {
  put(GLOBAL);
  pickle_ += concat(module, '\n', name, '\n');
}

void TorchWriter::tuple_of(const std::vector<std::int64_t>& values) {
  put(MARK);
  for (const std::int64_t value : values) integer(value);
  put(TUPLE);
}

// torch._utils._rebuild_tensor_v2(("storage", type, key, "cpu", count), 0, shape, strides, False,
// OrderedDict())
void TorchWriter::tensor(TensorSource source) {
  check_source(source);
  const std::int64_t num_elements =
      num_bytes_of(source.type, source.shape) / static_cast<std::int64_t>(size_of(source.type));
  global("torch._utils", "_rebuild_tensor_v2");
  put(MARK);
  put(MARK);
  text("storage");
  global("torch", storage_name(source.type));
  text(std::to_string(tensors_.size()));
  text("cpu");
  integer(num_elements);
  put(TUPLE);
  put(BINPERSID);
  integer(0);
  tuple_of(source.shape);
  tuple_of(row_major_strides(source.shape));
  boolean(false);
  global("collections", "OrderedDict");
  put(EMPTY_TUPLE);
  put(REDUCE);
  put(TUPLE);
  put(REDUCE);
  tensors_.push_back(std::move(source));
}

FileContent TorchWriter::content() && {
  put(STOP);
  const auto text_member = [&](const char* name, std::string text) {
    const std::uint64_t size = text.size();
    return ZipMember{folder_ + "/" + name, {size, [text = std::move(text)](const ByteSink& sink) {
                                              sink(std::as_bytes(std::span(text)));
                                            }}};
  };
  std::vector<ZipMember> members;
  members.push_back(text_member("data.pkl", std::move(pickle_)));
  members.push_back(text_member("byteorder", "little"));
  if (!config_json_.empty()) members.push_back(text_member("config.json", std::move(config_json_)));
  for (std::size_t i = 0; i < tensors_.size(); ++i) {
    const auto size = static_cast<std::uint64_t>(num_bytes_of(tensors_[i].type, tensors_[i].shape));
    members.push_back({concat(folder_, "/data/", i),
                       {size, [source = std::move(tensors_[i])](const ByteSink& sink) {
                          write_elements(source, sink);
                        }}});
  }
  members.push_back(text_member("version", "3\n"));
  return zip_content(std::move(members));
}

}  // namespace ddim::engine::io
