#include "mica/data/idx.h"

#include <gtest/gtest.h>
#include <unistd.h>
#include <zlib.h>

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <limits>

#include "mica/core/error.h"
#include "mica/data/idx_files.h"

namespace mica {
namespace {

namespace fs = std::filesystem;
using Bytes = std::vector<std::byte>;

Bytes bytes_of(std::initializer_list<int> values) {
  Bytes result;
  for (const int v : values) result.push_back(static_cast<std::byte>(v));
  return result;
}

Bytes operator+(Bytes a, const Bytes& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

template <class T>
IdxArray array_of(IdxType type, std::vector<std::int64_t> shape, const std::vector<T>& values) {
  IdxArray array{type, std::move(shape), Bytes(values.size() * sizeof(T))};
  if (!values.empty()) std::memcpy(array.bytes.data(), values.data(), array.bytes.size());
  return array;
}

std::string error_of(const Bytes& data) {
  try {
    parse_idx(data, "f");
  } catch (const IoError& error) {
    return error.what();
  }
  return "no error";
}

// A new empty folder that is removed at the end.
struct Folder {
  static inline int count = 0;
  fs::path path = fs::temp_directory_path() / ("mica_idx_test_" + std::to_string(::getpid()) + "_" + std::to_string(++count));
  Folder() { fs::create_directories(path); }
  ~Folder() { fs::remove_all(path); }
};

// u8[2, 3] = 1 ... 6, written by hand from the format's description.
const Bytes small = bytes_of({0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3, 1, 2, 3, 4, 5, 6});

// data as gzip, by zlib's own simple interface.
Bytes gzip_of(const Bytes& data) {
  const Folder folder;
  const fs::path file = folder.path / "x.gz";
  gzFile out = gzopen(file.c_str(), "wb");
  gzwrite(out, data.data(), static_cast<unsigned>(data.size()));
  gzclose(out);
  Bytes result(fs::file_size(file));
  std::ifstream(file, std::ios::binary).read(reinterpret_cast<char*>(result.data()), static_cast<std::streamsize>(result.size()));
  return result;
}

void write(const fs::path& file, const Bytes& data) {
  std::ofstream(file, std::ios::binary).write(reinterpret_cast<const char*>(data.data()), static_cast<std::streamsize>(data.size()));
}

TEST(Idx, ReadsTheFormatAsDescribed) {
  EXPECT_EQ(parse_idx(small), array_of<std::uint8_t>(IdxType::u8, {2, 3}, {1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(parse_idx(bytes_of({0, 0, 9, 1, 0, 0, 0, 2, 255, 7})), array_of<std::int8_t>(IdxType::i8, {2}, {-1, 7}));
  EXPECT_EQ(parse_idx(bytes_of({0, 0, 11, 1, 0, 0, 0, 2, 1, 2, 255, 254})), array_of<std::int16_t>(IdxType::i16, {2}, {258, -2}));
  EXPECT_EQ(parse_idx(bytes_of({0, 0, 12, 1, 0, 0, 0, 1, 1, 2, 3, 4})), array_of<std::int32_t>(IdxType::i32, {1}, {0x01020304}));
  EXPECT_EQ(parse_idx(bytes_of({0, 0, 13, 1, 0, 0, 0, 1, 0xc0, 0x20, 0, 0})), array_of<float>(IdxType::f32, {1}, {-2.5f}));
  EXPECT_EQ(parse_idx(bytes_of({0, 0, 14, 1, 0, 0, 0, 1, 0x40, 0x09, 0x21, 0xfb, 0x54, 0x44, 0x2d, 0x18})),
            array_of<double>(IdxType::f64, {1}, {3.141592653589793}));
}

TEST(Idx, RoundTripsEveryTypePlainAndGzipped) {
  const std::vector<IdxArray> arrays = {
      array_of<std::uint8_t>(IdxType::u8, {3, 1, 2}, {0, 255, 3, 4, 5, 6}),
      array_of<std::int8_t>(IdxType::i8, {4}, {-128, 127, 0, -1}),
      array_of<std::int16_t>(IdxType::i16, {1, 2, 1, 2}, {-32768, 32767, 1, -2}),
      array_of<std::int32_t>(IdxType::i32, {1, 1, 1, 1, 1, 2}, {std::numeric_limits<std::int32_t>::min(), 77}),
      array_of<float>(IdxType::f32, {2, 2}, {1.5f, -0.0f, std::numeric_limits<float>::infinity(), 1e-40f}),
      array_of<double>(IdxType::f64, {2}, {0.1, -1e300}),
      array_of<double>(IdxType::f64, {5, 0, 2}, {}),
      IdxArray{IdxType::u8, {3000, 100}, Bytes(300'000, std::byte{9})},  // larger than every buffer inside
  };
  const Folder folder;
  for (const IdxArray& array : arrays) {
    SCOPED_TRACE(to_string(array.type, array.shape));
    EXPECT_EQ(parse_idx(format_idx(array, false)), array);
    EXPECT_EQ(parse_idx(format_idx(array, true)), array);
    EXPECT_EQ(format_idx(array, true), format_idx(array, true));
    for (const char* name : {"a.idx", "a.idx.gz"}) {
      write_idx(folder.path / name, array);
      EXPECT_EQ(read_idx(folder.path / name), array);
    }
  }
  EXPECT_EQ(std::distance(fs::directory_iterator(folder.path), fs::directory_iterator()), 2);  // no temporary file is left
}

TEST(Idx, DamageIsNamedInNumbers) {
  EXPECT_EQ(error_of({}), "f: not an IDX file: it has 0 bytes, the header alone takes 8 or more");
  EXPECT_EQ(error_of(bytes_of({137, 80, 78, 71})), "f: not an IDX file: it begins with the bytes 137, 80 instead of 0, 0");
  EXPECT_EQ(error_of(bytes_of({0, 0, 10, 1, 0, 0, 0, 0})), "f: IDX type 10 is unknown; known are 8 u8, 9 i8, 11 i16, 12 i32, 13 f32, 14 f64");
  EXPECT_EQ(error_of(bytes_of({0, 0, 8, 0})), "f: an IDX array of rank 0; 1 to 6 can be read");
  EXPECT_EQ(error_of(bytes_of({0, 0, 8, 7})), "f: an IDX array of rank 7; 1 to 6 can be read");
  EXPECT_EQ(error_of(bytes_of({0, 0, 8, 2, 0, 0, 0, 1, 0, 0})), "f: the file ends inside the header, at size 2 of 2");
  EXPECT_EQ(error_of(bytes_of({0, 0, 14, 2, 255, 255, 255, 255, 255, 255, 255, 255})),
            "f: the sizes [4294967295, 4294967295] multiply to more than 2^63 bytes");
  EXPECT_EQ(error_of(Bytes(small.begin(), small.end() - 1)), "f: u8[2, 3] takes 6 bytes, the file ends after 5");
  EXPECT_EQ(error_of(small + bytes_of({0})), "f: u8[2, 3] takes 6 bytes, the file goes on after them");
  for (std::size_t size = 0; size < small.size(); ++size) EXPECT_NE(error_of(Bytes(small.begin(), small.begin() + size)), "no error") << size;
}

TEST(Idx, AHeaderThatLiesCostsNoMemory) {  // AddressSanitizer and the system would refuse 2^62 bytes with another error
  const Bytes liar = bytes_of({0, 0, 8, 2, 127, 255, 255, 255, 127, 255, 255, 255, 1, 2});
  EXPECT_EQ(error_of(liar), "f: u8[2147483647, 2147483647] takes 4611686014132420609 bytes, the file ends after 2");
  EXPECT_EQ(error_of(gzip_of(liar)), "f: u8[2147483647, 2147483647] takes 4611686014132420609 bytes, the file ends after 2");
}

TEST(Idx, DamagedGzipIsNamed) {
  const Bytes packed = gzip_of(small);
  ASSERT_EQ(error_of(packed), "no error");
  for (std::size_t size = 0; size < packed.size(); ++size) EXPECT_NE(error_of(Bytes(packed.begin(), packed.begin() + size)), "no error") << size;
  EXPECT_EQ(error_of(Bytes(packed.begin(), packed.end() - 3)), "f: the gzip stream is cut off after 18 bytes of content");

  Bytes wrong_checksum = packed, wrong_length = packed, wrong_block = packed;
  wrong_checksum[packed.size() - 8] ^= std::byte{1};
  wrong_length[packed.size() - 4] ^= std::byte{1};
  wrong_block[10] |= std::byte{6};
  EXPECT_EQ(error_of(wrong_checksum), "f: damaged gzip stream after 18 bytes of content: incorrect data check");
  EXPECT_EQ(error_of(wrong_length), "f: damaged gzip stream after 18 bytes of content: incorrect length check");
  EXPECT_EQ(error_of(wrong_block), "f: damaged gzip stream after 0 bytes of content: invalid block type");
  EXPECT_EQ(error_of(packed + bytes_of({0})), "f: bytes that are not gzip follow the gzip stream, after 18 bytes of content");
  EXPECT_EQ(error_of(gzip_of(small + bytes_of({0}))), "f: u8[2, 3] takes 6 bytes, the file goes on after them");
}

TEST(Idx, GzipMembersAreJoined) {
  const auto half = small.begin() + 9;
  EXPECT_EQ(parse_idx(gzip_of({small.begin(), half}) + gzip_of({}) + gzip_of({half, small.end()})), parse_idx(small));
  EXPECT_EQ(error_of(gzip_of(small) + gzip_of({})), "no error");
  EXPECT_EQ(error_of(gzip_of(small) + gzip_of(small)), "f: u8[2, 3] takes 6 bytes, the file goes on after them");
}

TEST(Idx, FilesThatCannotBeReadOrWritten) {
  const auto message = [](auto call) -> std::string {
    try {
      call();
    } catch (const IoError& error) {
      return error.what();
    }
    return "no error";
  };
  EXPECT_EQ(message([] { read_idx("/no/such/file"); }), "/no/such/file: cannot open: No such file or directory");
  EXPECT_EQ(message([] { read_idx("/"); }), "/: cannot read: Is a directory");
  EXPECT_EQ(message([] { write_idx("/no/such/file", parse_idx(small)); }), "/no/such/file: cannot create a file beside it: No such file or directory");
}

TEST(Idx, ArraysThatCannotBeWritten) {
  EXPECT_THROW(format_idx({IdxType::u8, {}, {}}, false), Error);
  EXPECT_THROW(format_idx({IdxType::u8, {1, 1, 1, 1, 1, 1, 1}, Bytes(1)}, false), Error);
  EXPECT_THROW(format_idx({IdxType::u8, {-1}, {}}, false), Error);
  EXPECT_THROW(format_idx({IdxType::u8, {std::int64_t{1} << 32}, {}}, false), Error);
  EXPECT_THROW(format_idx({IdxType::i32, {2}, Bytes(7)}, false), Error);
  EXPECT_THROW(format_idx({static_cast<IdxType>(10), {2}, Bytes(2)}, false), Error);
}

TEST(IdxFiles, MissingFilesAreNamed) {
  const Folder folder;
  const auto message = [&]() -> std::string {
    try {
      find_idx_files(folder.path);
    } catch (const IoError& error) {
      return error.what();
    }
    return "no error";
  };
  const std::string at = folder.path.string();
  EXPECT_EQ(message(), "there is no train-images-idx3-ubyte[.gz] in " + at);
  write(folder.path / "train-images-idx3-ubyte", small);
  EXPECT_EQ(message(), "there is no train-labels-idx1-ubyte[.gz] in " + at);
  write(folder.path / "train-labels.idx1-ubyte.gz", small);
  EXPECT_EQ(message(), "there is no t10k-images-idx3-ubyte[.gz] in " + at);
  write(folder.path / "test-images-idx4-ubyte.gz", small);
  write(folder.path / "t10k-labels-idx1-ubyte", small);
  EXPECT_EQ(message(), "no error");
  EXPECT_EQ(find_idx_files(folder.path).test.images, folder.path / "test-images-idx4-ubyte.gz");
  EXPECT_TRUE(find_idx_files(folder.path).validation.images.empty());
  write(folder.path / "validation-images-idx3-ubyte", small);
  EXPECT_EQ(message(), "there is no validation-labels-idx1-ubyte[.gz] in " + at);
}

TEST(IdxFiles, AMissingSetSaysWhereToGetIt) {
  const auto message = [](auto call) -> std::string {
    try {
      call();
    } catch (const IoError& error) {
      return error.what();
    }
    return "no error";
  };
  EXPECT_EQ(message([] { find_fashion_mnist("/no/such"); }),
            "there is no folder /no/such; Fashion-MNIST: apt-get install dataset-fashion-mnist, or give the folder that has its four files");
  EXPECT_EQ(message([] { find_mnist("/no/such"); }).substr(0, 40), "there is no folder /no/such; MNIST's fou");
}

// The published sets, where this machine has them.
void expect_image_set(const IdxFiles& files) {
  const IdxArray images = read_idx(files.train.images), labels = read_idx(files.test.labels);
  EXPECT_EQ(images.type, IdxType::u8);
  EXPECT_EQ(images.shape, (std::vector<std::int64_t>{60000, 28, 28}));
  EXPECT_EQ(read_idx(files.train.labels).shape, (std::vector<std::int64_t>{60000}));
  EXPECT_EQ(read_idx(files.test.images).shape, (std::vector<std::int64_t>{10000, 28, 28}));
  EXPECT_EQ(labels.shape, (std::vector<std::int64_t>{10000}));
  for (const std::byte label : labels.bytes) ASSERT_LT(std::to_integer<int>(label), 10);
}

TEST(IdxFiles, Mnist) {
  const char* folder = std::getenv("MICA_DATA");
  if (!folder || !fs::exists(fs::path(folder) / "mnist")) GTEST_SKIP() << "MICA_DATA/mnist is not there";
  expect_image_set(find_mnist());
  double sum = 0;
  const IdxArray images = read_idx(find_mnist().train.images);
  for (const std::byte pixel : images.bytes) sum += std::to_integer<int>(pixel);
  EXPECT_NEAR(sum / static_cast<double>(images.bytes.size()) / 255, 0.1307, 5e-5);  // the published mean
}

TEST(IdxFiles, FashionMnist) {
  if (!fs::exists("/usr/share/datasets/fashion-mnist")) GTEST_SKIP() << "Debian's package dataset-fashion-mnist is not installed";
  expect_image_set(find_fashion_mnist("/usr/share/datasets/fashion-mnist"));
}

}  // namespace
}  // namespace mica
