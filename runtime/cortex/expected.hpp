/// A value or an error, in the shape of C++23's `std::expected`.
#pragma once

#include "cortex/error.hpp"

#include <concepts>
#include <exception>
#include <type_traits>
#include <utility>
#include <variant>

namespace cortex {

template <class T>
class expected;

/// Wraps an error on its way into an `expected`.
class unexpected {
public:
  explicit unexpected(cortex::error problem) noexcept : error_(std::move(problem)) {}
  [[nodiscard]] const cortex::error& error() const& noexcept { return error_; }
  [[nodiscard]] cortex::error&& error() && noexcept { return std::move(error_); }

private:
  cortex::error error_;
};

/// Makes an error in place: `return fail(errc::not_found, "no task 'fetch'");`
[[nodiscard]] inline unexpected fail(errc code, std::string detail = {}) {
  return unexpected{error{code, std::move(detail)}};
}
[[nodiscard]] inline unexpected fail(error problem) noexcept {
  return unexpected{std::move(problem)};
}

/// Thrown by `expected::value` when there is none.
class bad_expected_access : public std::exception {
public:
  explicit bad_expected_access(cortex::error problem)
    : error_(std::move(problem)), text_(to_string(error_)) {}
  [[nodiscard]] const char* what() const noexcept override { return text_.c_str(); }
  [[nodiscard]] const cortex::error& error() const noexcept { return error_; }

private:
  cortex::error error_;
  std::string text_;
};

namespace detail {

template <class T>
inline constexpr bool is_expected = false;
template <class T>
inline constexpr bool is_expected<expected<T>> = true;

} // namespace detail

/// A `T`, or the error that stands in its place. Not thread-safe.
template <class T>
class [[nodiscard]] expected {
public:
  using value_type = T;
  using error_type = cortex::error;

  expected() requires std::default_initializable<T>
  = default;
  template <class U = T>
    requires(
      std::constructible_from<
        T,
        U&&> && !detail::is_expected<std::remove_cvref_t<U>> && !std::same_as<std::remove_cvref_t<U>, unexpected> && !std::same_as<std::remove_cvref_t<U>, std::in_place_t>)
  explicit(!std::convertible_to<U&&, T>) expected(U&& value)
    : data_(std::in_place_index<0>, std::forward<U>(value)) {}
  template <class... Args>
  explicit expected(std::in_place_t, Args&&... args)
    : data_(std::in_place_index<0>, std::forward<Args>(args)...) {}
  expected(unexpected problem) noexcept // NOLINT(google-explicit-constructor): `return fail(…)`
    : data_(std::in_place_index<1>, std::move(problem)) {}

  [[nodiscard]] bool has_value() const noexcept { return data_.index() == 0; }
  explicit operator bool() const noexcept { return has_value(); }

  /// @pre `has_value()`
  [[nodiscard]] T& operator*() & noexcept { return *std::get_if<0>(&data_); }
  [[nodiscard]] const T& operator*() const& noexcept { return *std::get_if<0>(&data_); }
  [[nodiscard]] T&& operator*() && noexcept { return std::move(*std::get_if<0>(&data_)); }
  [[nodiscard]] T* operator->() noexcept { return std::get_if<0>(&data_); }
  [[nodiscard]] const T* operator->() const noexcept { return std::get_if<0>(&data_); }

  /// The value. Throws `bad_expected_access` if there is none.
  [[nodiscard]] T& value() & {
    require();
    return **this;
  }
  [[nodiscard]] const T& value() const& {
    require();
    return **this;
  }
  [[nodiscard]] T&& value() && {
    require();
    return *std::move(*this);
  }

  /// @pre `!has_value()`
  [[nodiscard]] const cortex::error& error() const& noexcept {
    return std::get_if<1>(&data_)->error();
  }
  [[nodiscard]] cortex::error&& error() && noexcept {
    return std::move(*std::get_if<1>(&data_)).error();
  }

  template <class U>
  [[nodiscard]] T value_or(U&& other) const& {
    return has_value() ? **this : static_cast<T>(std::forward<U>(other));
  }
  template <class U>
  [[nodiscard]] T value_or(U&& other) && {
    return has_value() ? *std::move(*this) : static_cast<T>(std::forward<U>(other));
  }

  /// Calls `f` with the value; `f` returns an `expected`. An error passes through.
  template <class F>
  auto and_then(F&& f) && -> std::invoke_result_t<F, T&&> {
    if (!has_value())
      return unexpected{std::move(*this).error()};
    return std::forward<F>(f)(*std::move(*this));
  }

  /// Calls `f` with the value and wraps what it returns. An error passes through.
  template <class F>
  auto transform(F&& f) && -> expected<std::invoke_result_t<F, T&&>> {
    if (!has_value())
      return unexpected{std::move(*this).error()};
    if constexpr (std::is_void_v<std::invoke_result_t<F, T&&>>) {
      std::forward<F>(f)(*std::move(*this));
      return {};
    } else {
      return std::forward<F>(f)(*std::move(*this));
    }
  }

private:
  void require() const {
    if (!has_value())
      throw bad_expected_access{error()};
  }

  std::variant<T, unexpected> data_;
};

/// Success without a value, or an error. Not thread-safe.
template <>
class [[nodiscard]] expected<void> {
public:
  using value_type = void;
  using error_type = cortex::error;

  expected() noexcept = default;
  expected(unexpected problem) noexcept // NOLINT(google-explicit-constructor): `return fail(…)`
    : data_(std::move(problem)) {}

  [[nodiscard]] bool has_value() const noexcept { return data_.index() == 0; }
  explicit operator bool() const noexcept { return has_value(); }
  void operator*() const noexcept {}

  /// Throws `bad_expected_access` on an error.
  void value() const {
    if (!has_value())
      throw bad_expected_access{error()};
  }

  /// @pre `!has_value()`
  [[nodiscard]] const cortex::error& error() const& noexcept {
    return std::get_if<1>(&data_)->error();
  }
  [[nodiscard]] cortex::error&& error() && noexcept {
    return std::move(*std::get_if<1>(&data_)).error();
  }

  template <class F>
  auto and_then(F&& f) && -> std::invoke_result_t<F> {
    if (!has_value())
      return unexpected{std::move(*this).error()};
    return std::forward<F>(f)();
  }

private:
  std::variant<std::monostate, unexpected> data_;
};

} // namespace cortex
