#pragma once
#include <array>
#include <cstdint>
#include <list>
#include <unordered_map>
namespace mica {

// What a plan is kept under: the numbers that it depends on.
template <size_t n> using PlanKey = std::array<int64_t, n>;

// The values used last, by key: when there are more than `most`, the one that was unused for longest goes.
template <class Key, class Value> class Lru {
 public:
  explicit Lru(size_t most) : most_(most) {}
  Value* find(const Key& key) {
    const auto found = index_.find(key);
    if (found == index_.end()) return nullptr;
    items_.splice(items_.begin(), items_, found->second);
    return &found->second->second;
  }
  Value& insert(const Key& key, Value value) {
    items_.emplace_front(key, std::move(value));
    index_[key] = items_.begin();
    if (items_.size() > most_) {
      index_.erase(items_.back().first);
      items_.pop_back();
    }
    return items_.front().second;
  }
  size_t size() const { return items_.size(); }
  void clear() { index_.clear(), items_.clear(); }

 private:
  struct Hash {
    size_t operator()(const Key& key) const {
      uint64_t h = 14695981039346656037u;  // FNV-1a over words
      for (const auto v : key) h = (h ^ uint64_t(v)) * 1099511628211u;
      return size_t(h ^ h >> 32);
    }
  };
  size_t most_;
  std::list<std::pair<Key, Value>> items_;
  std::unordered_map<Key, typename std::list<std::pair<Key, Value>>::iterator, Hash> index_;
};

}  // namespace mica
