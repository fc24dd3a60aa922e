// Folders of pictures as people have them.
#include "data/class_list.h"
#include "data/dataset.h"
#include "io/png.h"
#include "tests/data/write_bytes.h"
#include "tests/support/expect_error.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/text_files.h"

namespace ddim::engine::data {
namespace {

namespace fs = std::filesystem;
using test::expect_error;
using test::write_bytes;
using test::write_text;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class Folders : public ::testing::Test {
 protected:
  void picture(const fs::path& name, std::uint8_t value, std::int64_t channels = 1) {
    fs::create_directories((dir_ / name.string()).parent_path());
    Image image{.width = 1, .height = 1, .channels = channels};
    image.pixels.assign(image.num_samples(), value);
    const std::vector<std::byte> bytes = io::encode_png(image);
    write_text(dir_ / name.string(), {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  }
  Dataset load(const DatasetOptions& options = {}) { return load_dataset(dir_.path(), options); }
  Dataset load_split(std::optional<DataSplit> split) { return load({.split = split}); }
  std::vector<std::uint8_t> pixels(std::optional<DataSplit> split) {
    return load_split(split).images.pixels;
  }
  std::vector<std::string> class_names() {
    std::vector<std::string> names;
    for (const DataClass& known : load({.labels = Labels::read}).report.classes)
      names.push_back(known.name);
    return names;
  }

  test::TemporaryFolder dir_;
};

TEST_F(Folders, HiddenAndSystemFilesAreNoData) {
  picture("cat/1.png", 1);
  for (const char* name : {".ipynb_checkpoints/2.png", "cat/._1.png", "__MACOSX/cat/1.png",
                           "cat/.hidden.jpg", "@eaDir/x.png", ".git/x.png"})
    picture(name, 9);
  write_text(dir_ / "cat/Thumbs.db", "x");
  write_text(dir_ / "desktop.ini", "x");
  const Dataset dataset = load({.labels = Labels::read});
  EXPECT_THAT(dataset.images.pixels, ElementsAre(1));
  EXPECT_THAT(dataset.report.notices, IsEmpty());
  EXPECT_EQ(dataset.report.classes.size(), 1U);
}

TEST_F(Folders, LinksAreFollowedAndLoopsNoticed) {
  picture("store/a.png", 1);
  picture("train/b/b.png", 2);
  fs::create_directory_symlink(dir_.path() / "store", dir_.path() / "train/a");
  fs::create_directory_symlink(dir_.path() / "train", dir_.path() / "train/b/again");
  fs::create_symlink(dir_.path() / "nowhere.png", dir_.path() / "train/c.png");
  fs::create_symlink(dir_.path() / "itself", dir_.path() / "itself");
  EXPECT_THAT(load().images.pixels, ElementsAre(1, 1, 2));  // of store, train/a and train/b
  const Dataset dataset = load_dataset(dir_.path() / "train", {});
  EXPECT_THAT(dataset.images.pixels, ElementsAre(1, 2));
  EXPECT_THAT(dataset.report.notices,
              ElementsAre(HasSubstr("again: left out: this link leads back"),
                          HasSubstr("1 broken link file left out")));
}

TEST_F(Folders, WhatIsLeftOutIsCountedByKind) {
  picture("a.png", 1);
  using namespace std::string_literals;
  for (const char* name : {"1.avif", "2.avif", "3.png"})
    write_text(dir_ / name,
               "\0\0\0\x1c"
               "ftypavif\0\0\0\0"s);
  write_text(dir_ / "x.parquet", "PAR1");
  write_text(dir_ / "read me.txt", "no data");
  const Dataset dataset = load();
  EXPECT_THAT(dataset.images.pixels, ElementsAre(1));
  EXPECT_THAT(dataset.report.notices,
              ElementsAre(AllOf(HasSubstr("3 avif files left out"), HasSubstr("1.avif")),
                          HasSubstr("1 parquet file left out")));
  fs::remove(dir_.path() / "a.png");
  expect_error(ErrorCode::user, "3 avif files left out", [&] { load(); });
}

TEST_F(Folders, TheContentTellsWhatIsAPicture) {
  picture("a", 1);
  picture("b.dat", 2);
  picture("c.jpg", 3);
  write_text(dir_ / "d.txt", "text");
  EXPECT_THAT(load().images.pixels, ElementsAre(1, 2, 3));
  write_text(dir_ / "e.jpg", "text");
  expect_error(ErrorCode::corrupt, "\n  " + (dir_.path() / "e.jpg").string() + ": no picture",
               [&] { load(); });
  const Dataset dataset = load({.skip_corrupt = true});
  EXPECT_THAT(dataset.images.pixels, ElementsAre(1, 2, 3));
  EXPECT_THAT(dataset.report.skipped, ElementsAre(HasSubstr("e.jpg")));
}

TEST_F(Folders, OddPicturesAreCounted) {
  for (const char* name : {"a.png", "b.png", "c.png"}) picture(name, 1);
  for (const char* name : {"b.png", "c.png"})
    std::ofstream(dir_ / name, std::ios::app | std::ios::binary) << "trailing";
  EXPECT_THAT(load().report.notices,
              ElementsAre(AllOf(HasSubstr("2 pictures were read although odd"), HasSubstr("b.png"),
                                HasSubstr("8 bytes after the end"))));
}

TEST_F(Folders, SplitsHaveSeveralNames) {
  picture("train/a.png", 1);
  picture("Valid/a.png", 2);
  picture("test/a.png", 3);
  EXPECT_THAT(pixels(DataSplit::train), ElementsAre(1));
  EXPECT_THAT(pixels(DataSplit::val), ElementsAre(2));
  EXPECT_THAT(pixels(DataSplit::test), ElementsAre(3));
  EXPECT_THAT(pixels(std::nullopt), ElementsAre(3));
  picture("extra/a.png", 4);
  EXPECT_THAT(load_split(DataSplit::train).report.notices,
              ElementsAre(HasSubstr("extra: left out: it is no split")));
}

TEST_F(Folders, TrainingAndTestingAreSplits) {
  picture("Training/cat/a.png", 1);
  picture("Testing/cat/a.png", 2);
  EXPECT_THAT(pixels(DataSplit::train), ElementsAre(1));
  EXPECT_THAT(pixels(DataSplit::test), ElementsAre(2));
  EXPECT_THAT(class_names(), ElementsAre("cat"));
}

TEST_F(Folders, IdxFilesOfOtherNamesAreLeftOut) {
  write_text(dir_ / "emnist-letters-train-images-idx3-ubyte", "x");
  expect_error(ErrorCode::user, "1 idx file left out (they are called train-images-idx3-ubyte",
               [&] { load(); });
}

TEST_F(Folders, ASplitThatIsNotThereIsRefused) {
  picture("a/a.png", 1);
  for (const DataSplit split : {DataSplit::test, DataSplit::val}) {
    expect_error(ErrorCode::user, "has no " + std::string(to_string(split)) + " split",
                 [&] { load_split(split); });
  }
  EXPECT_THAT(pixels(std::nullopt), ElementsAre(1));
  picture("only/train/a.png", 2);
  picture("only/validation/a.png", 3);
  const auto load_only = [&](std::optional<DataSplit> split) {
    return load_dataset(dir_.path() / "only", {.split = split}).images.pixels;
  };
  EXPECT_THAT(load_only(DataSplit::val), ElementsAre(3));
  for (const std::optional<DataSplit> split : {std::optional(DataSplit::test), {}})
    expect_error(ErrorCode::user, "has no test split; it has: train, val",
                 [&] { load_only(split); });
}

TEST_F(Folders, AFolderTrainBesideClassesIsAClass) {
  picture("bus/a.png", 1);
  picture("train/a.png", 2);
  EXPECT_THAT(pixels(DataSplit::train), ElementsAre(1, 2));
  EXPECT_THAT(class_names(), ElementsAre("bus", "train"));
  // But one without pictures is no class.
  fs::remove(dir_.path() / "bus/a.png");
  write_text(dir_ / "bus/notes.txt", "x");
  EXPECT_THAT(pixels(DataSplit::train), ElementsAre(2));
}

// Which is told; a split that is asked for by name is not taken from what is a class.
TEST_F(Folders, AClassCalledAsASplitIsNoticed) {
  picture("test1/a.png", 1);
  picture("train/a.png", 2);
  const std::string notice = (dir_.path() / "train").string() + " counts as a class, as " +
                             (dir_.path() / "test1").string() + " does";
  for (const std::optional<DataSplit> split : {std::optional(DataSplit::train), {}})
    EXPECT_THAT(load_split(split).report.notices, ElementsAre(HasSubstr(notice)));
  expect_error(ErrorCode::user, "has no test split: " + notice,
               [&] { load_split(DataSplit::test); });
  picture("val/a.png", 3);
  EXPECT_THAT(pixels(DataSplit::train), ElementsAre(2));
  EXPECT_THAT(load_split(DataSplit::train).report.notices,
              ElementsAre(HasSubstr("test1: left out: it is no split")));
}

TEST_F(Folders, ClassesGetTheNumbersOfANetworkByName) {
  picture("cat/a.png", 1);
  picture("dog/a.png", 2);
  picture("dog/b.png", 3);
  const auto labels_in = [&](const std::vector<std::string>& names) {
    Dataset dataset = load({.labels = Labels::read});
    number_as(names, dataset, "here");
    return dataset.labels;
  };
  EXPECT_THAT(labels_in({"ant", "dog", "eel", "cat"}), ElementsAre(3, 1, 1));
  EXPECT_THAT(labels_in({}), ElementsAre(0, 1, 1));  // they are not known
  using Names = std::vector<std::string>;
  for (const Names& others : {Names{"cat", "bird"}, Names{"0", "cat"}})
    expect_error(
        ErrorCode::user,
        "here: the network has no class dog; its classes are " + others[0] + ", " + others[1],
        [&] { labels_in(others); });
  Dataset counted = load({.labels = Labels::read, .max_images = 1});
  number_as({"bird", "cat"}, counted, "here");  // no picture of a dog was read
  EXPECT_THAT(counted.labels, ElementsAre(1));
  EXPECT_EQ(counted.report.classes.size(), 2U);
  EXPECT_EQ(counted.report.classes[1].images, 1);
  // Numbers are the network's own.
  write_text(dir_ / "labels.csv", "cat/a.png,2\ndog/a.png,0\ndog/b.png,1\n");
  EXPECT_THAT(labels_in({"ant", "dog", "eel"}), ElementsAre(2, 0, 1));
}

// Folders 1/, 2/ and 3/ have the numbers 0, 1 and 2 in a network.
TEST_F(Folders, ClassesThatAreCalledByNumbersAreFoundByName) {
  picture("a.png", 1);
  picture("b.png", 2);
  const auto labels_in = [&](const std::string& csv, const std::vector<std::string>& names) {
    write_text(dir_ / "labels.csv", csv);
    Dataset dataset = load({.labels = Labels::read});
    number_as(names, dataset, "here");
    return dataset.labels;
  };
  const std::vector<std::string> numbers{"1", "2", "3"};
  Dataset unnamed;  // as in arrays: the network's own
  unnamed.labels = {0, 2};
  number_as(numbers, unnamed, "here");
  EXPECT_THAT(unnamed.labels, ElementsAre(0, 2));
  EXPECT_THAT(labels_in("a.png,1\nb.png,2\n", numbers), ElementsAre(0, 1));
  EXPECT_THAT(labels_in("a.png,1\nb.png,3\n", {"1", "2", "bird", "3"}), ElementsAre(0, 3));
  EXPECT_THAT(labels_in("a.png,1\nb.png,2\n", {"0", "1", "2", "3"}), ElementsAre(1, 2));
  EXPECT_THAT(labels_in("a.png,1\nb.png,3\n", {"0", "1"}), ElementsAre(1, 3));  // Trainer refuses
  expect_error(ErrorCode::user, "here: the network has no class 0; its classes are 1, 2, 3",
               [&] { labels_in("a.png,0\nb.png,2\n", numbers); });
  expect_error(ErrorCode::user, "here: the network has no class 4; its classes are 1, 2, 3",
               [&] { labels_in("a.png,1\nb.png,4\n", numbers); });
}

TEST_F(Folders, ClassesAreInNaturalOrder) {
  for (const char* name : {"10/a.png", "2/a.png", "1/a.png", "2/b.png"}) picture(name, 1);
  const Dataset dataset = load({.labels = Labels::read});
  EXPECT_THAT(class_names(), ElementsAre("1", "2", "10"));
  EXPECT_THAT(dataset.labels, ElementsAre(0, 2, 1, 1));  // files are in the order of their names
  EXPECT_EQ(class_table(dataset.report.classes), "class,number,count\n1,0,1\n2,1,2\n10,2,1\n");
  EXPECT_EQ(name_classes(dataset.report.classes), "0 1 (1 image), 1 2 (2 images), 2 10 (1 image)");
  EXPECT_EQ(class_table({{.name = "a,\"b\"", .images = 3}}),
            "class,number,count\n\"a,\"\"b\"\"\",0,3\n");
}

TEST_F(Folders, AListCanSayTheClasses) {
  picture("a.png", 1);
  picture("x/b.png", 2);
  write_text(dir_ / "labels.csv", "file,label\r\na.png,dog\r\nx/b.png,cat\r\n");
  Dataset dataset = load({.labels = Labels::read});
  EXPECT_THAT(dataset.labels, ElementsAre(1, 0));
  EXPECT_THAT(class_names(), ElementsAre("cat", "dog"));
  write_text(dir_ / "labels.csv", "a.png, 3\n\"b.png\",\"0\"\n");
  dataset = load({.labels = Labels::read});
  EXPECT_THAT(dataset.labels, ElementsAre(3, 0));
  EXPECT_EQ(dataset.report.classes.size(), 4U);
  write_text(dir_ / "labels.csv", "file,label\na.png,1\n");
  expect_error(ErrorCode::user, "b.png: is not listed", [&] { load({.labels = Labels::read}); });
  EXPECT_EQ(load().images.count, 2);
  write_text(dir_ / "labels.csv", "a.png,1\na.png,1\n");
  expect_error(ErrorCode::corrupt, "line 2: a.png is listed twice",
               [&] { load({.labels = Labels::read}); });
  write_text(dir_ / "labels.csv", "a.png\n");
  expect_error(ErrorCode::corrupt, "line 1: expected file,label",
               [&] { load({.labels = Labels::read}); });
}

TEST_F(Folders, ARowOfAListIsOneFiles) {
  picture("a/1.png", 1);
  picture("b/1.png", 2);
  for (const char* list : {"1.png,dog\n", "1,dog\n", "a/1.png,dog\n1.png,cat\n"}) {
    write_text(dir_ / "labels.csv", list);
    if (std::string_view(list).starts_with("a/")) {  // each file has its own row
      EXPECT_THAT(load({.labels = Labels::read}).labels, ElementsAre(1, 0));
    } else {
      expect_error(ErrorCode::user,
                   std::vector<std::string>{"labels.csv: 1", "a/1.png or ", "b/1.png"},
                   [&] { load({.labels = Labels::read}); });
    }
  }
  write_text(dir_ / "labels.csv", "a/1.png,0\nb/1.png,1\nc/1.png,1\nd/1.png,1\n");
  const Dataset dataset = load({.labels = Labels::read});
  EXPECT_THAT(dataset.labels, ElementsAre(0, 1));
  EXPECT_THAT(dataset.report.notices, ElementsAre((dir_ / "labels.csv").string() +
                                                  ": 2 rows of no picture here (c/1.png, ...)"));
}

TEST_F(Folders, AListMayHaveMoreColumns) {
  picture("a.png", 1);
  picture("b,c.png", 2);
  const auto labels = [&](const std::string& list) {
    write_text(dir_ / "labels.csv", list);
    return load({.labels = Labels::read}).labels;
  };
  for (const char* list :
       {"filename,class\na.png,dog\nb,c.png,cat\n",
        "image_id,label,width\na,dog,7\n\"b,c\",cat,8\n",
        ",Label,File\n0,dog,a.png\n1,cat,\"b,c.png\"\n", "id;breed\na;dog\nb,c;cat\n",
        "class\tpath\ndog\ta.png\ncat\tb,c.png\n", "a.png;dog\nb,c.png;cat\n",
        "id,filename,label\nb,a.png,dog\na,\"b,c.png\",cat\n",
        "name,file,label\na,a.png,dog\na,\"b,c.png\",cat\n",
        "file,category,label\na.png,animal,dog\n\"b,c.png\",animal,cat\n",
        "file,label\ra.png,dog\rb,c.png,cat\r", "./a.png,dog\n.//b,c.png,cat\n"})
    EXPECT_THAT(labels(list), ElementsAre(1, 0)) << list;
  expect_error(ErrorCode::corrupt, "labels.csv: line 3: expected file,label",
               [&] { labels("file,label,size\na.png,dog,1\nb.png\n"); });
}

TEST_F(Folders, AListIsReadByTheRulesOfCsv) {
  picture("a.png", 1);
  picture("b,c.png", 2);
  const auto names = [&](const std::string& list) {
    write_text(dir_ / "labels.csv", list);
    load({.labels = Labels::read});
    return class_names();
  };
  EXPECT_THAT(names("a.png,\"cat, tabby\"\nb,c.png,dog\n"), ElementsAre("cat, tabby", "dog"));
  EXPECT_THAT(names("a.png,\"the \"\"big\"\" cat\"\n\"b,c.png\", dog \n"),
              ElementsAre("dog", "the \"big\" cat"));
  EXPECT_THAT(names("label,file\n\"cat, tabby\",a.png\n5\" disk,\"b,c.png\"\n"),
              ElementsAre("5\" disk", "cat, tabby"));
  EXPECT_THAT(names("file,label\na.png,\"two\nlines\"\n\n,\n\"b,c.png\",dog\n"),
              ElementsAre("dog", "two\nlines"));
  const auto refused = [&](const std::string& list, const char* message) {
    expect_error(ErrorCode::corrupt, {"labels.csv: ", message}, [&] { names(list); });
  };
  refused("file,label\na.png,cat\n\"b,c.png\",\n", "line 3: b,c.png has no label");
  refused("a.png, \"\" \n", "line 1: a.png has no label");
  refused("a.png,\"two\nlines\"\nb,c.png,\"\"\n", "line 3: b,c.png has no label");
  refused("a.png,cat\n\"b,c.png,dog\n", "line 2: a quote begins here and does not end");
  refused(
      "\xFF\xFE"
      "a\0,\0",
      "is UTF-16; save it as UTF-8");
  refused(std::string("a\0.\0p\0,\0b\0", 10), "is UTF-16; save it as UTF-8");
}

TEST_F(Folders, AlphaLiesOverTheBackground) {
  Image image{.width = 1, .height = 1, .channels = 4, .pixels = {10, 20, 30, 0}};
  io::write_png(dir_ / "a.png", image);
  EXPECT_THAT(load().images.pixels, ElementsAre(255, 255, 255));
  EXPECT_THAT(load({.background = {1, 2, 3}}).images.pixels, ElementsAre(1, 2, 3));
  EXPECT_THAT(load({.channels = 4}).images.pixels, ElementsAre(10, 20, 30, 0));
}

TEST_F(Folders, TorchvisionsFoldersAreFound) {
  const std::vector<std::uint8_t> idx{0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 7};
  fs::create_directories(dir_.path() / "FashionMNIST/raw");
  write_bytes(dir_.path() / "FashionMNIST/raw/train-images-idx3-ubyte", idx);
  EXPECT_THAT(load().images.pixels, ElementsAre(7));
  EXPECT_THAT(load_dataset(dir_.path() / "FashionMNIST", {}).images.pixels, ElementsAre(7));
  fs::create_directories(dir_.path() / "MNIST/raw");
  write_bytes(dir_.path() / "MNIST/raw/train-images-idx3-ubyte", idx);
  expect_error(ErrorCode::user, "holds several data sets", [&] { load(); });

  const test::TemporaryFolder cifar;
  fs::create_directories(cifar.path() / "cifar-10-batches-bin");
  write_bytes(cifar.path() / "cifar-10-batches-bin/test_batch.bin",
              std::vector<std::uint8_t>(10000 * 3073, 5));
  EXPECT_EQ(load_dataset(cifar.path(), {.split = DataSplit::test}).images.count, 10000);
}

}  // namespace
}  // namespace ddim::engine::data
