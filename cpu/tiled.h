#pragma once
#include <algorithm>
#include <vector>
#include "mica/core/kernels.h"
#include "mica/cpu/parallel.h"
#include "mica/cpu/tile_table.h"
// Products c = a b in float32 whose operands lie in memory in ways no library takes: a's rows are found through addresses (pixels of a
// convolution), b is copied into panels (weights). The order of summation does not depend on the number of threads.
namespace mica {

class Scratch {  // uninitialised, 64-byte aligned
 public:
  explicit Scratch(size_t bytes) : bytes_(bytes), data_(bytes ? acquire(Cpu{}, bytes) : nullptr) {}
  ~Scratch() { if (data_) release(Cpu{}, data_, bytes_); }
  Scratch(const Scratch&) = delete;
  template <class T> T* as() const { return static_cast<T*>(data_); }
 private:
  size_t bytes_;
  void* data_;
};

const TileTable& tiles();  // of this machine's instruction set

// Part of the sum: runs [first, last), of each the terms [offset, offset + length).
struct Terms { int64_t first, last, offset, length; int64_t count() const { return (last - first) * length; } };

// b as a stack of matrices, one a run: element (k, j) of run r at at(r)[k * row + j * column].
template <class At> struct Panels { At at; int64_t row, column; };
template <class At> Panels(At, int64_t, int64_t) -> Panels<At>;

// to[k * width + j] = from[k * row + j * column] for k < n, j < columns, and 0 for columns <= j < width.
void pack(const float* from, int64_t row, int64_t column, int64_t n, int columns, int width, float* to);

// What product asks of a: `runs` times `length` terms, and
//   void addresses(int64_t begin, int64_t end, const Terms&, float* room, const float** table, int64_t step) const
// which sets table[(run - terms.first) * step + row - begin] to the first term (of offset 0) of each row; `room` floats a row of memory for
// copies are lent per block of rows, and keep their contents while the block's later terms are asked for.
struct ProductSizes { int64_t rows, columns, runs, length, room; };

constexpr int64_t block_rows = 96, block_terms = 384;  // 144 KiB of a in the second-level cache, 24 KiB of b in the first

template <class A, class B> void product(const ProductSizes& s, const A& a, const B& b, float* c, int64_t c_step, const float* bias, bool add) {
  const TileTable& t = tiles();
  const int shape = t.shape(s.columns), width = t.width[shape], tile_rows = t.rows[shape];
  const int64_t panels = (s.columns + width - 1) / width, terms = s.runs * s.length;
  std::vector<Terms> parts;
  if (s.length > block_terms) {
    const int64_t pieces = (s.length + block_terms - 1) / block_terms;
    for (int64_t run = 0; run < s.runs; ++run)
      for (int64_t p = 0; p < pieces; ++p) parts.push_back({run, run + 1, s.length * p / pieces, s.length * (p + 1) / pieces - s.length * p / pieces});
  } else {
    const int64_t together = block_terms / s.length;
    for (int64_t run = 0; run < s.runs; run += together) parts.push_back({run, std::min(s.runs, run + together), 0, s.length});
  }
  // b: part after part, in each panel after panel.
  const Scratch packed(size_t(terms * panels * width) * sizeof(float));
  std::vector<int64_t> starts;
  for (int64_t at = 0; const Terms& part : parts) { starts.push_back(at); at += part.count() * panels * width; }
  parallel_for(int64_t(parts.size()) * panels, std::max<int64_t>(1, pointwise_grain * int64_t(parts.size()) / (terms * width)), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const Terms& part = parts[size_t(i / panels)];
      const int64_t j = i % panels * width;
      float* to = packed.as<float>() + starts[size_t(i / panels)] + i % panels * part.count() * width;
      for (int64_t run = part.first; run < part.last; ++run, to += part.length * width)
        pack(b.at(run) + part.offset * b.row + j * b.column, b.row, b.column, part.length, int(std::min<int64_t>(width, s.columns - j)), width, to);
    }
  });
  const int64_t row_blocks = (s.rows + block_rows - 1) / block_rows, workers = parallel_parts(s.rows * s.columns * terms, 8 * pointwise_grain);
  const int64_t groups = std::clamp<int64_t>((4 * workers + row_blocks - 1) / row_blocks, 1, workers > 1 ? panels : 1);
  const int64_t most_runs = parts[0].last - parts[0].first;
  parallel_for(workers == 1 ? 1 : row_blocks * groups, 1, [&](int64_t begin, int64_t end) {
    if (workers == 1) end = row_blocks * groups;
    const Scratch table(size_t(block_rows * most_runs) * sizeof(float*)), room(size_t(block_rows * s.room) * sizeof(float));
    for (int64_t unit = begin; unit < end; ++unit) {
      const int64_t r0 = unit / groups * block_rows, r1 = std::min(s.rows, r0 + block_rows);
      const int64_t p0 = panels * (unit % groups) / groups, p1 = panels * (unit % groups + 1) / groups;
      for (size_t k = 0; k < parts.size(); ++k) {
        const Terms& part = parts[k];
        a.addresses(r0, r1, part, room.as<float>(), table.as<const float*>(), block_rows);
        for (int64_t p = p0; p < p1; ++p) {
          const int64_t j = p * width;
          Tile tile{nullptr, block_rows, part.last - part.first, part.offset, part.length, packed.as<float>() + starts[k] + p * part.count() * width, nullptr, c_step,
                    int(std::min<int64_t>(width, s.columns - j)), k == 0 && bias ? bias + j : nullptr, add || k > 0};
          for (int64_t r = r0; r < r1; r += tile_rows) {
            tile.a = table.as<const float*>() + (r - r0);
            tile.c = c + r * c_step + j;
            t.tile[shape][std::min<int64_t>(tile_rows, r1 - r)](tile);
          }
        }
      }
    }
  });
}

}  // namespace mica
