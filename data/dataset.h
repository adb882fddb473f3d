#pragma once
#include <concepts>
#include <functional>
#include <span>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>
#include "mica/core/tensor.h"
#include "mica/data/augment.h"
// A dataset is any type with
//   int64_t size() const;                  the number of its examples
//   std::tuple<...> get(int64_t i) const;  example i: a Tensor, a number, or a std::tuple, std::pair or std::array of them
// batches() stacks the examples' values along a new first dimension: tensors of one shape and dtype as they are, floating-point numbers as f32,
// integers as i64, bool as bool. Both functions are const because workers call them at the same time, and without history (NoGrad).
// A type that makes whole batches faster than one example after the other has, beside or in place of get,
//   std::tuple<Tensor, ...> batch(std::span<const int64_t> rows, const BatchContext& context) const;
// A type whose batches are finished on the device where they go (fewer bytes are copied there, a GPU does the work) has, beside batch,
//   std::tuple<Tensor, ...> load(std::span<const int64_t> rows, const BatchContext& context) const;   on the CPU; a tensor may be undefined
//   auto finish(Device device, DType dtype) const;                                                     a function of those tensors, copied there
// The function returns what batch does, with floats in dtype.
namespace mica {

// What a batch may depend on beside its rows. Randomness drawn by Philox from (seed, epoch, row) is the same for any number of workers.
struct BatchContext {
  uint64_t seed = 0;
  int64_t epoch = 0;
  Augment augment;
};

namespace detail {
template <class T> concept Value = std::same_as<T, Tensor> || std::is_arithmetic_v<T>;
template <class T> concept TupleLike = requires { std::tuple_size<T>::value; } && (std::tuple_size<T>::value > 0);
template <class T, size_t... i> std::tuple<std::remove_cvref_t<std::tuple_element_t<i, T>>...> members(std::index_sequence<i...>);
template <class T> struct Values { using Types = void; };
template <Value T> struct Values<T> { using Types = std::tuple<T>; };
template <TupleLike T> struct Values<T> { using Types = decltype(members<T>(std::make_index_sequence<std::tuple_size<T>::value>())); };
template <class T> using ValuesOf = typename Values<T>::Types;  // an example's, or a batch's
template <class T> struct AreValues : std::false_type {};
template <class... T> struct AreValues<std::tuple<T...>> : std::bool_constant<(Value<T> && ...)> {};
template <class T> struct AreTensors : std::false_type {};
template <class... T> struct AreTensors<std::tuple<T...>> : std::bool_constant<(std::same_as<T, Tensor> && ...)> {};

template <class D> concept HasSize = requires(const D& d) { { d.size() } -> std::convertible_to<int64_t>; };
template <class D> concept HasGet = requires(const D& d, int64_t i) { d.get(i); };
template <class D> using ExampleOf = std::remove_cvref_t<decltype(std::declval<const D&>().get(int64_t(0)))>;
template <class D> concept HasBatch = requires(const D& d, std::span<const int64_t> rows, const BatchContext& context) { d.batch(rows, context); };
template <class D> concept HasLoad = requires(const D& d, std::span<const int64_t> rows, const BatchContext& context) { d.load(rows, context); };
template <class D> using LoadedOf = std::remove_cvref_t<decltype(std::declval<const D&>().load(std::span<const int64_t>(), BatchContext()))>;
template <class D> using FinishOf = decltype(std::declval<const D&>().finish(cpu, f32));
template <class F, class Loaded> struct Finished { using Type = void; };
template <class F, class... T> requires std::invocable<const F&, const T&...> struct Finished<F, std::tuple<T...>> {
  using Type = std::remove_cvref_t<std::invoke_result_t<const F&, const T&...>>;
};
template <class D> using MadeBatchOf = std::remove_cvref_t<decltype(std::declval<const D&>().batch(std::span<const int64_t>(), BatchContext()))>;
}  // namespace detail

// What get(i) may return.
template <class T> concept Example = detail::AreValues<detail::ValuesOf<T>>::value;

// A dataset with the fast path.
template <class D> concept BatchDataset = detail::HasSize<D> && detail::HasBatch<D> && detail::AreTensors<detail::ValuesOf<detail::MadeBatchOf<D>>>::value;

// A dataset whose batches are finished where they go.
template <class D> concept StagedDataset = BatchDataset<D> && detail::HasLoad<D> && detail::AreTensors<detail::ValuesOf<detail::LoadedOf<D>>>::value &&
    std::same_as<typename detail::Finished<detail::FinishOf<D>, detail::ValuesOf<detail::LoadedOf<D>>>::Type, detail::MadeBatchOf<D>>;

template <class D> concept Dataset = BatchDataset<D> || (detail::HasSize<D> && detail::HasGet<D> && Example<detail::ExampleOf<D>>);

namespace detail {
// Dataset<D>, with a sentence about the first thing that is missing.
template <class D> consteval bool check_dataset() {
  static_assert(HasSize<D>, "a dataset needs `int64_t size() const`: the number of its examples");
  if constexpr (HasSize<D> && HasBatch<D>) {
    static_assert(BatchDataset<D>, "a dataset's batch(rows, context) returns a Tensor, or a std::tuple, std::pair or std::array of Tensors");
    static_assert(!HasLoad<D> || StagedDataset<D>, "a dataset with load(rows, context) has finish(device, dtype), a function of load's tensors that returns what batch does");
  } else if constexpr (HasSize<D>) {
    static_assert(HasGet<D>, "a dataset needs `get(int64_t i) const`: example i, for 0 <= i < size() (const: workers call it at the same time)");
    if constexpr (HasGet<D>)
      static_assert(Example<ExampleOf<D>>, "a dataset's get(i) returns a Tensor, a number, or a std::tuple, std::pair or std::array of them");
  }
  return Dataset<D>;
}

// The values at one place of the examples, one below the other. Throws Error where shapes or dtypes differ.
Tensor stack_values(std::span<const Tensor> values, std::span<const int64_t> rows, size_t place);
template <class T> Tensor stack_values(const std::vector<T>& values, std::span<const int64_t> rows, size_t place) {
  if constexpr (std::same_as<T, Tensor>) return stack_values(std::span<const Tensor>(values), rows, place);
  else return from(std::span<const T>(values), {int64_t(values.size())}, {std::same_as<T, uint8_t> ? boolean : dtype_of<T>});
}
template <class T> using Stored = std::conditional_t<std::same_as<T, Tensor>, Tensor,
                                  std::conditional_t<std::same_as<T, bool>, uint8_t, std::conditional_t<std::is_floating_point_v<T>, float, int64_t>>>;

template <class D, size_t... i> std::vector<Tensor> collate(const D& data, std::span<const int64_t> rows, std::index_sequence<i...>) {
  using Types = ValuesOf<ExampleOf<D>>;
  std::tuple<std::vector<Stored<std::tuple_element_t<i, Types>>>...> columns;
  (std::get<i>(columns).reserve(rows.size()), ...);
  for (const int64_t row : rows) {
    auto&& example = data.get(row);
    if constexpr (Value<ExampleOf<D>>) {
      std::get<0>(columns).push_back(Stored<ExampleOf<D>>(example));
    } else {
      using std::get;
      (std::get<i>(columns).push_back(Stored<std::tuple_element_t<i, Types>>(get<i>(example))), ...);
    }
  }
  return {stack_values(std::get<i>(columns), rows, i)...};
}
template <class Made, size_t... i> std::vector<Tensor> as_vector(Made&& made, std::index_sequence<i...>) {
  if constexpr (std::same_as<std::remove_cvref_t<Made>, Tensor>) return {std::forward<Made>(made)};
  else { using std::get; return {get<i>(made)...}; }
}
// The number of tensors in a batch, and the batch of these rows, or what is loaded of it.
template <class D> consteval size_t batch_tensors() {
  if constexpr (BatchDataset<D>) return std::tuple_size_v<ValuesOf<MadeBatchOf<D>>>;
  else return std::tuple_size_v<ValuesOf<ExampleOf<D>>>;
}
template <class D> inline constexpr size_t loaded_tensors = std::tuple_size_v<ValuesOf<LoadedOf<D>>>;
template <class D> std::vector<Tensor> make_batch(const D& data, std::span<const int64_t> rows, const BatchContext& context) {
  constexpr auto places = std::make_index_sequence<batch_tensors<D>()>();
  if constexpr (StagedDataset<D>) return as_vector(data.load(rows, context), std::make_index_sequence<loaded_tensors<D>>());
  else if constexpr (BatchDataset<D>) return as_vector(data.batch(rows, context), places);
  else return collate(data, rows, places);
}
// What finishes such a batch.
using FinishBatch = std::function<std::vector<Tensor>(const std::vector<Tensor>& loaded)>;
template <StagedDataset D> FinishBatch finish_batch(const D& data, Device device, DType dtype) {
  return [finish = data.finish(device, dtype)](const std::vector<Tensor>& loaded) {
    const auto call = [&]<size_t... i>(std::index_sequence<i...>) { return finish(loaded[i]...); };
    return as_vector(call(std::make_index_sequence<loaded_tensors<D>>()), std::make_index_sequence<batch_tensors<D>()>());
  };
}
}  // namespace detail

}  // namespace mica
