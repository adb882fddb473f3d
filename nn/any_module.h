#pragma once
#include <concepts>
#include <typeinfo>
#include "mica/nn/fields.h"

namespace mica {

// Any module or function Tensor -> Tensor, as a value. Copies copy the module, which shares its tensors. What has state must have fields():
// a lambda that captures a tensor or a module is refused, because its parameters would be neither trained nor saved.
class AnyModule {
 public:
  template <class M> requires(!std::same_as<std::remove_cvref_t<M>, AnyModule> && std::is_invocable_r_v<Tensor, const std::decay_t<M>&, const Tensor&>)
  AnyModule(M&& module) : held_(std::make_unique<Held<std::decay_t<M>>>(std::forward<M>(module))) {}
  AnyModule(const AnyModule& other) : held_(other.held_->copy()) {}
  AnyModule(AnyModule&&) noexcept = default;
  AnyModule& operator=(AnyModule other) noexcept { held_ = std::move(other.held_); return *this; }

  Tensor operator()(const Tensor& x) const { return held_->call(x); }
  void fields(Fields& f) { held_->fields(f); }
  template <class M> M* as() { auto* held = dynamic_cast<Held<M>*>(held_.get()); return held ? &held->module : nullptr; }  // null if it is no M

 private:
  struct Base {
    virtual ~Base() = default;
    virtual Tensor call(const Tensor& x) const = 0;
    virtual void fields(Fields& f) = 0;
    virtual std::unique_ptr<Base> copy() const = 0;
  };
  template <class M> struct Held final : Base {
    static_assert(detail::HasFields<M> || std::is_trivially_copyable_v<M>, "a module with state needs `void fields(Fields& f)`");
    M module;
    explicit Held(M m) : module(std::move(m)) {}
    Tensor call(const Tensor& x) const override { return module(x); }
    void fields(Fields& f) override { if constexpr (detail::HasFields<M>) module.fields(f); }
    std::unique_ptr<Base> copy() const override { return std::make_unique<Held>(module); }
  };
  std::unique_ptr<Base> held_;
};

}  // namespace mica
