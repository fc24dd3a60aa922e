#include "io/pickle_reader.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstring>
#include <limits>
#include <map>
#include <set>
#include <utility>

#include "base/error.h"
#include "io/pickle_globals.h"
#include "io/pickle_text.h"
#include "io/tensor_table.h"

namespace ddim::engine::io {
namespace {

// Beside the weights, people keep a loss for each step of a long training.
constexpr std::size_t kMaxValues = 4'000'000;
constexpr std::size_t kMaxOperations = 16'000'000;
constexpr std::size_t kMaxGlobals = 10'000;

constexpr std::string_view kOrderedDict = "collections OrderedDict";
constexpr std::string_view kSize = "torch Size";

/// The operations, by the names of Python's pickletools.
enum Op : std::uint8_t {
  MARK = '(',
  STOP = '.',
  POP = '0',
  POP_MARK = '1',
  DUP = '2',
  FLOAT = 'F',
  INT = 'I',
  BININT = 'J',
  BININT1 = 'K',
  LONG = 'L',
  BININT2 = 'M',
  NONE = 'N',
  BINPERSID = 'Q',
  REDUCE = 'R',
  STRING = 'S',
  BINSTRING = 'T',
  SHORT_BINSTRING = 'U',
  UNICODE = 'V',
  BINUNICODE = 'X',
  APPEND = 'a',
  BUILD = 'b',
  GLOBAL = 'c',
  DICT = 'd',
  EMPTY_DICT = '}',
  APPENDS = 'e',
  GET = 'g',
  BINGET = 'h',
  LONG_BINGET = 'j',
  LIST = 'l',
  EMPTY_LIST = ']',
  PUT = 'p',
  BINPUT = 'q',
  LONG_BINPUT = 'r',
  SETITEM = 's',
  TUPLE = 't',
  EMPTY_TUPLE = ')',
  SETITEMS = 'u',
  BINFLOAT = 'G',
  PROTO = 0x80,
  NEWOBJ = 0x81,
  TUPLE1 = 0x85,
  TUPLE2 = 0x86,
  TUPLE3 = 0x87,
  NEWTRUE = 0x88,
  NEWFALSE = 0x89,
  LONG1 = 0x8a,
  LONG4 = 0x8b,
  BINBYTES = 'B',
  SHORT_BINBYTES = 'C',
  SHORT_BINUNICODE = 0x8c,
  BINUNICODE8 = 0x8d,
  BINBYTES8 = 0x8e,
  EMPTY_SET = 0x8f,
  ADDITEMS = 0x90,
  FROZENSET = 0x91,
  NEWOBJ_EX = 0x92,
  STACK_GLOBAL = 0x93,
  MEMOIZE = 0x94,
  FRAME = 0x95,
  BYTEARRAY8 = 0x96,
};

/// What the pickle asks for that is not supported, by name.
struct NamedOp {
  std::uint8_t op;
  const char* name;
};
constexpr NamedOp kRefusedOps[] = {
    {'P', "PERSID"}, {'i', "INST"},  {'o', "OBJ"},          {0x82, "EXT1"},
    {0x83, "EXT2"},  {0x84, "EXT4"}, {0x97, "NEXT_BUFFER"}, {0x98, "READONLY_BUFFER"},
};

}  // namespace

/// The stack machine that a pickle is a program of, with values in place of objects.
class PickleReader {
 public:
  PickleReader(std::span<const std::byte> bytes, const std::string& file_name)
      : bytes_(bytes), file_name_(file_name) {}

  ParsedPickle read() {
    while (step()) {
      if (++num_operations_ > kMaxOperations)
        fail_here("it has more than ", kMaxOperations, " operations");
    }
    tree_->root_ = pop();
    if (!stack_.empty()) fail_here("values are left over at its end");
    if (const auto problem = tree_->problem()) fail_here(*problem);
    return {std::move(tree_), at_};
  }

 private:
  using Id = PickleTree::Id;
  using Kind = PickleKind;

  template <class... Parts>
  [[noreturn]] void fail_here(const Parts&... parts) const {
    fail(ErrorCode::corrupt, file_name_, ": bad pickle at byte ", op_at_, ": ", parts...);
  }

  // --- the bytes ---

  std::string_view take(std::uint64_t count) {
    if (count > bytes_.size() - at_) {
      fail_here("it is cut short: ", count, " bytes are needed, ", bytes_.size() - at_,
                " are left");
    }
    const std::string_view text(reinterpret_cast<const char*>(bytes_.data()) + at_, count);
    at_ += count;
    return text;
  }
  template <class T>
  T number() {
    T value;
    std::memcpy(&value, take(sizeof value).data(), sizeof value);
    return value;
  }
  /// Up to the next line feed, which is taken but not given.
  std::string_view line() {
    const std::string_view rest(reinterpret_cast<const char*>(bytes_.data()) + at_,
                                bytes_.size() - at_);
    const std::size_t length = rest.find('\n');
    if (length == std::string_view::npos) fail_here("it is cut short: a line does not end");
    at_ += length + 1;
    return rest.substr(0, length);
  }
  /// A number written as decimal text.
  template <class T>
  T parsed(std::string_view text) const {
    T value{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size())
      fail_here(display_name(text), " is not a number that fits");
    return value;
  }

  // --- values ---

  Id add(Kind kind, std::uint32_t index = 0, std::int64_t integer = 0) {
    if (tree_->nodes_.size() == kMaxValues) fail_here("it has more than ", kMaxValues, " values");
    PickleTree::Node node{.kind = kind, .index = index, .integer = integer};
    tree_->nodes_.push_back(node);
    return static_cast<Id>(tree_->nodes_.size() - 1);
  }
  Id add_text(Kind kind, std::string_view text) {
    const Id id = add(kind, static_cast<std::uint32_t>(tree_->texts_.size()));
    tree_->texts_.push_back(text);
    return id;
  }
  Id add_container(Kind kind, std::vector<Id> items = {}) {
    const Id id = add(kind, static_cast<std::uint32_t>(tree_->containers_.size()));
    tree_->containers_.push_back(std::move(items));
    return id;
  }
  Id add_real(double value) {
    const Id id = add(Kind::real);
    tree_->nodes_[id].real = value;
    return id;
  }
  Kind kind_of(Id id) const { return tree_->nodes_[id].kind; }
  std::string_view text_of(Id id) const { return tree_->texts_[tree_->nodes_[id].index]; }
  std::vector<Id>& items_of(Id id) { return tree_->containers_[tree_->nodes_[id].index]; }
  std::string described(Id id) const { return tree_->value(id).describe(); }

  void push(Id id) { stack_.push_back(id); }
  void require_depth(std::size_t count) const {
    const std::size_t floor = marks_.empty() ? 0 : marks_.back();
    if (stack_.size() - floor < count) fail_here("the stack is empty");
  }
  Id pop() {
    require_depth(1);
    const Id id = stack_.back();
    stack_.pop_back();
    return id;
  }
  Id top() const {
    require_depth(1);
    return stack_.back();
  }
  /// What stands above the latest mark, which is taken away.
  std::vector<Id> pop_to_mark() {
    if (marks_.empty()) fail_here("there is no mark");
    const auto mark = stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back());
    std::vector<Id> items(mark, stack_.end());
    stack_.erase(mark, stack_.end());
    marks_.pop_back();
    return items;
  }
  Id require_top(Kind kind, const char* operation) const {
    const Id id = top();
    if (kind_of(id) != kind) fail_here(operation, " on ", described(id));
    return id;
  }

  /// An object on top that is given items is of a type that is made from dict or list, and is one.
  void make_into(Kind kind) {
    const Id id = top();
    if (!is_object(id)) return;
    tree_->nodes_[id].kind = kind;
    items_of(id).clear();
    made_from_objects_.insert(id);
  }
  /// Whether a value is an object that says nothing about weights.
  bool is_object(Id id) {
    if (kind_of(id) != Kind::call) return false;
    const std::string_view type = text_of(items_of(id)[0]);
    return !makes_tensor(type) && !makes_array(type);
  }

  /// A list can be made into dictionaries many times over, so their items are counted too.
  void count_items(std::size_t count) {
    num_items_ += count;
    if (num_items_ > kMaxOperations) fail_here("it has more than ", kMaxOperations, " items");
  }
  void append(std::span<const Id> values) {
    count_items(values.size());
    make_into(Kind::list);
    std::vector<Id>& items = items_of(require_top(Kind::list, "APPEND"));
    items.insert(items.end(), values.begin(), values.end());
  }
  void set_items(std::span<const Id> pairs) {
    if (pairs.size() % 2 != 0) fail_here("a key has no value");
    count_items(pairs.size());
    for (std::size_t i = 0; i < pairs.size(); i += 2) {
      const Kind kind = kind_of(pairs[i]);
      if (kind == Kind::list || kind == Kind::dict || kind == Kind::persistent)
        fail_here("a key is ", described(pairs[i]), ", which Python takes for none");
    }
    make_into(Kind::dict);
    std::vector<Id>& items = items_of(require_top(Kind::dict, "SETITEM"));
    items.insert(items.end(), pairs.begin(), pairs.end());
  }
  void push_tuple(std::size_t count) {
    require_depth(count);
    std::vector<Id> items(stack_.end() - static_cast<std::ptrdiff_t>(count), stack_.end());
    stack_.resize(stack_.size() - count);
    push(add_container(Kind::tuple, std::move(items)));
  }

  void remember(std::uint64_t place) {
    constexpr std::size_t kFewPlaces = 256;  // Python numbers them from 0
    if (place >= std::min(bytes_.size() + kFewPlaces, kMaxOperations))
      fail_here("memo ", place, " is out of range");
    if (place >= memo_.size()) memo_.resize(place + 1, kNothing);
    memo_[place] = top();
  }
  void recall(std::uint64_t place) {
    if (place >= memo_.size() || memo_[place] == kNothing)
      fail_here("memo ", place, " was not filled");
    push(memo_[place]);
  }

  void push_global(std::string_view module, std::string_view name) {
    const std::string shown = display_name(concat(module, '.', name));
    if (!is_dotted_name(module) || !is_dotted_name(name))
      fail_here("it asks for ", shown, ", which is no name of Python's");
    if (is_attack(module, name)) {
      fail_here("it asks for ", shown,
                ", which is not needed for weights or arrays; a file that asks for such things can "
                "run programs and is refused");
    }
    const auto [found, is_new] = globals_.emplace(concat(module, ' ', name), 0);
    if (globals_.size() > kMaxGlobals)
      fail_here("it asks for more than ", kMaxGlobals, " types and functions");
    if (is_new) {
      tree_->owned_texts_.push_back(found->first);
      found->second = add_text(Kind::global, tree_->owned_texts_.back());
    }
    push(found->second);
  }

  /// Before PyTorch 1.6, an object's program stood beside it: ("module", class, file, source).
  void refuse_module(Id reference) {
    if (kind_of(reference) != Kind::tuple || items_of(reference).empty()) return;
    const Id kind = items_of(reference)[0];
    if (kind_of(kind) == Kind::text && text_of(kind) == "module")
      fail(ErrorCode::corrupt, file_name_,
           ": this is a whole model with its program (torch.save(model)), which only that program "
           "can read: save its state_dict()");
  }

  /// A call is kept as it is written, but that an OrderedDict is a dict, a Size a tuple.
  void call() {
    const Id arguments = pop();
    Id callee = pop();
    if (is_object(callee)) callee = items_of(callee)[0];  // calls what a call has made
    if (kind_of(callee) != Kind::global) fail_here("a call of ", described(callee));
    if (kind_of(arguments) != Kind::tuple)
      fail_here("a call with ", described(arguments), " for its arguments");
    if (text_of(callee) == kOrderedDict) return push_ordered_dict(arguments);
    if (text_of(callee) == kSize) {
      const std::vector<Id>& given = items_of(arguments);
      if (given.size() != 1 || kind_of(given[0]) != Kind::tuple)
        fail_here("torch.Size of ", described(arguments));
      return push(given[0]);
    }
    push(add_container(Kind::call, {callee, arguments}));
  }
  /// OrderedDict(), or of a list of pairs as Python 2 wrote it.
  void push_ordered_dict(Id arguments) {
    const std::vector<Id> given = items_of(arguments);
    push(add_container(Kind::dict));
    if (given.empty()) return;
    if (given.size() != 1 || kind_of(given[0]) != Kind::list)
      fail_here("an OrderedDict of ", described(arguments));
    const std::vector<Id> pairs = items_of(given[0]);
    for (const Id pair : pairs) {
      const bool is_pair = (kind_of(pair) == Kind::list || kind_of(pair) == Kind::tuple) &&
                           items_of(pair).size() == 2;
      if (!is_pair) fail_here("an OrderedDict whose items are ", described(pair));
      const std::vector<Id> key_and_value = items_of(pair);
      set_items(key_and_value);
    }
  }
  /// PyTorch hangs `_metadata` on a dictionary of weights; it says nothing about them, nor does the
  /// state of an object. The state of an array is what it holds.
  void build() {
    const Id state = pop();
    const Id id = top();
    if (is_object(id) || made_from_objects_.contains(id)) return;
    if (kind_of(id) == Kind::call && makes_array(text_of(items_of(id)[0]))) {
      if (kind_of(state) != Kind::tuple) fail_here("BUILD with ", described(state));
      if (items_of(id).size() != 2) fail_here("a second BUILD of the same object");
      items_of(id).push_back(state);
      return;
    }
    if (kind_of(state) != Kind::dict) fail_here("BUILD with ", described(state));
    require_top(Kind::dict, "BUILD");
  }

  void push_long(std::string_view little_endian) {
    if (little_endian.size() > sizeof(std::int64_t))
      return push(add_text(Kind::big_integer, little_endian));
    // The sign is that of the highest bit written.
    const bool negative =
        !little_endian.empty() && (static_cast<unsigned char>(little_endian.back()) & 0x80U) != 0;
    std::int64_t value = negative ? -1 : 0;
    std::memcpy(&value, little_endian.data(), little_endian.size());
    push(add(Kind::integer, 0, value));
  }
  void push_decimal_int(std::string_view text) {
    if (text == "00" || text == "01") return push(add(Kind::boolean, 0, text == "01" ? 1 : 0));
    push(add(Kind::integer, 0, parsed<std::int64_t>(text)));
  }

  /// A text that was written with escapes (protocol 0).
  void push_decoded(std::optional<std::string> text, std::string_view written) {
    if (!text) fail_here(display_name(written), " is no string as Python writes it");
    tree_->owned_texts_.push_back(std::move(*text));
    push(add_text(Kind::text, tree_->owned_texts_.back()));
  }

  // --- the operations ---

  /// Runs one; false after STOP.
  bool step() {
    op_at_ = at_;
    const auto op = number<std::uint8_t>();
    switch (op) {
      case STOP:
        return false;
      case PROTO:
        if (const auto protocol = number<std::uint8_t>(); protocol > 5)
          fail_here("protocol ", int{protocol}, " is unknown; 0 to 5 are read");
        break;
      case FRAME:  // only says how much to read ahead
        if (const auto size = number<std::uint64_t>(); size > bytes_.size() - at_)
          fail_here("it is cut short: a frame of ", size, " bytes");
        break;
      case MARK:
        marks_.push_back(stack_.size());
        break;
      case POP:
        // Above a mark with nothing behind it, POP takes the mark.
        if (!marks_.empty() && marks_.back() == stack_.size()) {
          marks_.pop_back();
        } else {
          pop();
        }
        break;
      case POP_MARK:
        pop_to_mark();
        break;
      case DUP:
        push(top());
        break;
      default:
        push_constant(op);
    }
    return true;
  }

  void push_constant(std::uint8_t op) {
    switch (op) {
      case NONE:
        return push(add(Kind::none));
      case NEWTRUE:
        return push(add(Kind::boolean, 0, 1));
      case NEWFALSE:
        return push(add(Kind::boolean, 0, 0));
      case INT:
        return push_decimal_int(line());
      case LONG: {
        std::string_view text = line();
        if (text.ends_with('L')) text.remove_suffix(1);
        return push(add(Kind::integer, 0, parsed<std::int64_t>(text)));
      }
      case BININT:
        return push(add(Kind::integer, 0, number<std::int32_t>()));
      case BININT1:
        return push(add(Kind::integer, 0, number<std::uint8_t>()));
      case BININT2:
        return push(add(Kind::integer, 0, number<std::uint16_t>()));
      case LONG1:
        return push_long(take(number<std::uint8_t>()));
      case LONG4: {
        const auto size = number<std::int32_t>();
        if (size < 0) fail_here("a number of ", size, " bytes");
        return push_long(take(static_cast<std::uint64_t>(size)));
      }
      case FLOAT:
        return push(add_real(parsed<double>(line())));
      case BINFLOAT: {  // big-endian
        std::string reversed(take(sizeof(double)));
        std::ranges::reverse(reversed);
        double value;
        std::memcpy(&value, reversed.data(), sizeof value);
        return push(add_real(value));
      }
      case STRING: {
        const std::string_view text = line();
        return push_decoded(decoded_quoted(text), text);
      }
      case UNICODE: {
        const std::string_view text = line();
        return push_decoded(decoded_raw_unicode_escape(text), text);
      }
      case SHORT_BINSTRING:
      case SHORT_BINUNICODE:
        return push(add_text(Kind::text, take(number<std::uint8_t>())));
      case BINSTRING: {
        const auto size = number<std::int32_t>();
        if (size < 0) fail_here("a string of ", size, " bytes");
        return push(add_text(Kind::text, take(static_cast<std::uint64_t>(size))));
      }
      case BINUNICODE:
        return push(add_text(Kind::text, take(number<std::uint32_t>())));
      case BINUNICODE8:
        return push(add_text(Kind::text, take(number<std::uint64_t>())));
      case SHORT_BINBYTES:
        return push(add_text(Kind::bytes, take(number<std::uint8_t>())));
      case BINBYTES:
        return push(add_text(Kind::bytes, take(number<std::uint32_t>())));
      case BINBYTES8:
      case BYTEARRAY8:
        return push(add_text(Kind::bytes, take(number<std::uint64_t>())));
      case EMPTY_LIST:
      case EMPTY_SET:
        return push(add_container(Kind::list));
      case EMPTY_DICT:
        return push(add_container(Kind::dict));
      case EMPTY_TUPLE:
        return push(add_container(Kind::tuple));
      default:
        combine(op);
    }
  }

  /// Operations on what is on the stack already.
  void combine(std::uint8_t op) {
    switch (op) {
      case TUPLE1:
      case TUPLE2:
      case TUPLE3:
        return push_tuple(op - TUPLE1 + std::size_t{1});
      case TUPLE:
      case FROZENSET:
        return push(add_container(Kind::tuple, pop_to_mark()));
      case LIST:
        return push(add_container(Kind::list, pop_to_mark()));
      case DICT: {
        const std::vector<Id> pairs = pop_to_mark();
        push(add_container(Kind::dict));
        return set_items(pairs);
      }
      case APPEND: {
        const Id value = pop();
        return append({&value, 1});
      }
      case APPENDS:
      case ADDITEMS:
        return append(pop_to_mark());
      case SETITEM: {
        const Id value = pop();
        const Id pair[] = {pop(), value};
        return set_items(pair);
      }
      case SETITEMS:
        return set_items(pop_to_mark());
      case PUT:
        return remember(parsed<std::uint64_t>(line()));
      case BINPUT:
        return remember(number<std::uint8_t>());
      case LONG_BINPUT:
        return remember(number<std::uint32_t>());
      case MEMOIZE:
        return remember(num_memoized_++);
      case GET:
        return recall(parsed<std::uint64_t>(line()));
      case BINGET:
        return recall(number<std::uint8_t>());
      case LONG_BINGET:
        return recall(number<std::uint32_t>());
      case GLOBAL: {
        const std::string_view module = line();
        return push_global(module, line());
      }
      case STACK_GLOBAL: {
        const Id name = pop();
        const Id module = pop();
        if (kind_of(name) != Kind::text || kind_of(module) != Kind::text)
          fail_here("a global named by ", described(module), " and ", described(name));
        return push_global(text_of(module), text_of(name));
      }
      case REDUCE:
      case NEWOBJ:
        return call();
      case NEWOBJ_EX:
        pop();  // arguments by name
        return call();
      case BUILD:
        return build();
      case BINPERSID: {
        const Id id = pop();
        refuse_module(id);
        return push(add_container(Kind::persistent, {id}));
      }
      default:
        for (const NamedOp& refused : kRefusedOps)
          if (refused.op == op) fail_here("it uses ", refused.name, ", which weights do not need");
        fail_here("there is no operation ", int{op});
    }
  }

  static constexpr Id kNothing = std::numeric_limits<Id>::max();

  std::span<const std::byte> bytes_;
  const std::string& file_name_;
  std::size_t at_ = 0;
  std::size_t op_at_ = 0;  ///< of the operation under way, for messages
  std::size_t num_operations_ = 0;
  std::size_t num_items_ = 0;
  std::unique_ptr<PickleTree> tree_ = std::make_unique<PickleTree>();
  std::vector<Id> stack_;
  std::vector<std::size_t> marks_;
  std::vector<Id> memo_;
  std::uint64_t num_memoized_ = 0;
  std::map<std::string, Id> globals_;
  std::set<Id> made_from_objects_;  ///< by make_into()
};

ParsedPickle parse_pickle(std::span<const std::byte> bytes, const std::string& file_name) {
  return PickleReader(bytes, file_name).read();
}

}  // namespace ddim::engine::io
