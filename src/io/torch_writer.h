#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/file_output.h"
#include "io/tensor_source.h"

namespace ddim::engine::io {

/// Writes what torch.load reads: values one after the other as a pickle of protocol 2, with the
/// numbers of tensors beside it in a zip archive. A list or dict is opened, filled, closed:
///
///     TorchWriter writer("ckpt");
///     writer.open_dict();
///     writer.text("conv.weight");
///     writer.tensor({.name = ..., .shape = {8, 3, 3, 3}, .values = values});
///     writer.close_dict();
///     write_file_durably("ckpt.pth", std::move(writer).content(), Overwrite::refuse);
class TorchWriter {
 public:
  /// `folder` is the name of the one folder in the archive.
  explicit TorchWriter(std::string folder);

  void open_list();
  void close_list();
  void open_dict();  ///< then key, value, key, value ...
  void close_dict();
  void none();
  void boolean(bool value);
  void integer(std::int64_t value);
  void real(double value);
  void text(std::string_view value);
  void real_pair(double first, double second);
  /// A dense tensor on the CPU; `type` must be one that PyTorch has a storage for (f64, f32, f16,
  /// bf16, i64), Error(user) otherwise and as check_source(). What it refers to must outlive the
  /// writing.
  void tensor(TensorSource source);

  /// TorchContents::config_json.
  void set_config_json(std::string text) { config_json_ = std::move(text); }

  /// The file; the writer is used up. Streams the tensors' elements as write_elements() does.
  FileContent content() &&;

 private:
  void put(std::uint8_t operation) { pickle_ += static_cast<char>(operation); }
  template <class T>
  void put_number(T value);
  void global(std::string_view module, std::string_view name);
  void tuple_of(const std::vector<std::int64_t>& values);

  std::string folder_;
  std::string pickle_;
  std::string config_json_;
  std::vector<TensorSource> tensors_;
};

}  // namespace ddim::engine::io
