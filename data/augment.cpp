#include "mica/data/augment.h"
#include <string>
#include "mica/core/error.h"
#include "mica/core/philox.h"

namespace mica {
namespace {
// In [-most, most].
int offset(uint32_t word, int most) { return int(uint64_t(word) * (2 * uint64_t(most) + 1) >> 32) - most; }
constexpr uint64_t stream = uint64_t(1) << 62;  // apart from the calls that random ops count, should a program use one seed for both
}  // namespace

AugmentDraw draw(const Augment& augment, uint64_t seed, int64_t epoch, int64_t row) {
  if (augment.crop_padding < 0) throw Error("augment: crop_padding is " + std::to_string(augment.crop_padding) + "; it is 0 or more pixels");
  if (augment.shift < 0) throw Error("augment: shift is " + std::to_string(augment.shift) + "; it is 0 or more pixels");
  if (augment == Augment{}) return {};
  const Philox a = philox(seed, stream | uint64_t(epoch), 2 * uint64_t(row)), b = philox(seed, stream | uint64_t(epoch), 2 * uint64_t(row) + 1);
  return {offset(a.word[0], augment.crop_padding), offset(a.word[1], augment.crop_padding), offset(b.word[0], augment.shift),
          offset(b.word[1], augment.shift), augment.flip && (a.word[2] & 1)};
}

}  // namespace mica
