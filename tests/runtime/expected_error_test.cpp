#include "sample_actors.hpp"

#include <array>
#include <memory>
#include <set>
#include <sstream>
#include <string>
#include <type_traits>

namespace cortex::testing {

TEST_CASE("every kind of error has its own name and a number that stays", "[expected][error]") {
  const std::array<std::pair<errc, std::string_view>, 21> kinds{{
    {errc::invalid_argument, "invalid_argument"},
    {errc::not_found, "not_found"},
    {errc::already_exists, "already_exists"},
    {errc::in_use, "in_use"},
    {errc::timeout, "timeout"},
    {errc::overloaded, "overloaded"},
    {errc::unavailable, "unavailable"},
    {errc::cancelled, "cancelled"},
    {errc::would_deadlock, "would_deadlock"},
    {errc::closed, "closed"},
    {errc::forked, "forked"},
    {errc::read_only, "read_only"},
    {errc::no_space, "no_space"},
    {errc::io, "io"},
    {errc::corrupt, "corrupt"},
    {errc::newer_format, "newer_format"},
    {errc::permission, "permission"},
    {errc::unsupported, "unsupported"},
    {errc::constraint, "constraint"},
    {errc::outcome_unknown, "outcome_unknown"},
    {errc::internal, "internal"},
  }};

  int number = 0;
  for (const auto& [code, name] : kinds) {
    CHECK(to_string(code) == name);
    CHECK(static_cast<int>(code) == ++number);
    std::ostringstream out;
    out << code;
    CHECK(out.str() == name);
  }
  CHECK(to_string(static_cast<errc>(0)) == "unknown");
  CHECK(to_string(static_cast<errc>(200)) == "unknown");
}

TEST_CASE("every stage has its own name", "[expected][error]") {
  CHECK(to_string(stage::none) == "none");
  CHECK(to_string(stage::admission) == "admission");
  CHECK(to_string(stage::mailbox) == "mailbox");
  CHECK(to_string(stage::handler) == "handler");
  CHECK(to_string(stage::lane) == "lane");
  CHECK(to_string(stage::execute) == "execute");
  CHECK(to_string(stage::commit) == "commit");
  CHECK(to_string(stage::reader) == "reader");
  CHECK(to_string(stage::handed_on) == "handed_on");
  CHECK(to_string(stage::group) == "group");
  CHECK(to_string(stage::read) == "read");
  CHECK(to_string(stage::reply) == "reply");
  CHECK(static_cast<std::size_t>(stage::reply) + 1 == stage_count);
}

TEST_CASE("an error reads as kind, stage and detail", "[expected][error]") {
  const error late{errc::timeout, "'ledger' did not answer within 5 s", stage::mailbox};
  std::ostringstream out;
  out << late;

  CHECK(to_string(late) == "timeout in mailbox: 'ledger' did not answer within 5 s");
  CHECK(out.str() == to_string(late));
  CHECK(to_string(error{errc::closed, {}}) == "closed");
  CHECK(to_string(error{errc::not_found, "no task 'fetch'"}) == "not_found: no task 'fetch'");
}

TEST_CASE("errors compare by their kind", "[expected][error]") {
  const error a{errc::io, "one"};
  const error b{errc::io, "other", stage::commit};

  CHECK(a == b);
  CHECK(a == errc::io);
  CHECK_FALSE(a == error{errc::corrupt, "one"});
}

TEST_CASE("an error that nobody filled in is internal", "[expected][error]") {
  CHECK(error{}.code == errc::internal);
  CHECK(error{}.where == stage::none);
  CHECK(error{}.retry_after == 0ms);
}

// -- expected -------------------------------------------------------------------------------------

static_assert(std::is_same_v<expected<int>::value_type, int>);
static_assert(std::is_same_v<expected<int>::error_type, error>);
static_assert(std::is_convertible_v<const char*, expected<std::string>>);
static_assert(!std::is_convertible_v<std::size_t, expected<std::vector<int>>>,
              "what T takes explicitly, expected<T> takes explicitly");
static_assert(std::is_constructible_v<expected<std::vector<int>>, std::size_t>);
static_assert(std::is_convertible_v<unexpected, expected<int>>);
static_assert(!std::is_convertible_v<error, expected<int>>);
static_assert(!std::is_convertible_v<expected<int>, bool>);
static_assert(!std::is_copy_constructible_v<expected<std::unique_ptr<int>>>);
static_assert(std::is_nothrow_move_constructible_v<expected<std::string>>);

TEST_CASE("a value is there and is used like a pointer's target", "[expected]") {
  expected<std::string> text = "abc";

  REQUIRE(text);
  CHECK(text.has_value());
  CHECK(*text == "abc");
  CHECK(text->size() == 3);
  CHECK(text.value() == "abc");
  text->push_back('d');
  CHECK(std::as_const(text).value() == "abcd");
  CHECK(*std::move(text) == "abcd");
}

TEST_CASE("an error stands in the value's place", "[expected]") {
  const expected<int> missing = fail(errc::not_found, "no row");

  REQUIRE_FALSE(missing);
  CHECK(missing.error() == errc::not_found);
  CHECK(missing.error().detail == "no row");
  CHECK(missing.value_or(7) == 7);
  CHECK(expected<int>{3}.value_or(7) == 3);
}

TEST_CASE("asking for a value that is not there throws what went wrong", "[expected]") {
  const expected<int> missing = fail(errc::no_space, "disk full");

  CHECK_THROWS_AS(missing.value(), bad_expected_access);
  try {
    static_cast<void>(missing.value());
  } catch (const bad_expected_access& refused) {
    CHECK(refused.error() == errc::no_space);
    CHECK(std::string{refused.what()} == "no_space: disk full");
  }
  CHECK_THROWS_AS((expected<void>{fail(errc::io)}.value()), bad_expected_access);
  CHECK_NOTHROW(expected<void>{}.value());
}

TEST_CASE("a whole error passes through fail with its stage and hint", "[expected]") {
  error busy{errc::overloaded, "full"};
  busy.retry_after = 20ms;

  const expected<void> refused = fail(busy);

  CHECK(refused.error().retry_after == 20ms);
}

TEST_CASE("values that can only be moved go in and out", "[expected]") {
  expected<std::unique_ptr<int>> owner = std::make_unique<int>(5);

  auto taken = *std::move(owner);
  expected<std::unique_ptr<int>> in_place{std::in_place, new int{6}};

  CHECK(*taken == 5);
  CHECK(**in_place == 6);
  CHECK(*std::move(in_place).value_or(nullptr) == 6);
}

TEST_CASE("and_then goes on with the value and passes an error through", "[expected]") {
  auto half = [](int n) -> expected<int> {
    if (n % 2 != 0)
      return fail(errc::invalid_argument, "odd");
    return n / 2;
  };

  CHECK(expected<int>{8}.and_then(half).and_then(half).value() == 2);
  CHECK(error_of(expected<int>{6}.and_then(half).and_then(half)) == errc::invalid_argument);
  int calls = 0;
  auto counted = [&](int n) -> expected<int> { return ++calls, n; };
  CHECK(error_of(expected<int>{fail(errc::io)}.and_then(counted)) == errc::io);
  CHECK(calls == 0);
}

TEST_CASE("transform wraps what the function returns", "[expected]") {
  int seen = 0;

  auto text = expected<int>{42}.transform([](int n) { return std::to_string(n); });
  expected<void> nothing = expected<int>{42}.transform([&](int n) { seen = n; });
  auto failed = expected<int>{fail(errc::io)}.transform([](int n) { return n + 1; });

  CHECK(text.value() == "42");
  CHECK(nothing);
  CHECK(seen == 42);
  CHECK(error_of(failed) == errc::io);
}

TEST_CASE("success without a value goes on like one with", "[expected]") {
  int calls = 0;
  auto next = [&]() -> expected<int> { return ++calls; };

  CHECK(expected<void>{}.and_then(next).value() == 1);
  CHECK(error_of(expected<void>{fail(errc::closed)}.and_then(next)) == errc::closed);
  CHECK(calls == 1);
}

TEST_CASE("copies are independent and assignment changes sides", "[expected]") {
  expected<std::string> first = "one";
  auto second = first;

  first = fail(errc::io, "gone");
  CHECK(second.value() == "one");
  CHECK(first.error().detail == "gone");

  first = std::string{"back"};
  CHECK(first.value() == "back");
}

} // namespace cortex::testing
