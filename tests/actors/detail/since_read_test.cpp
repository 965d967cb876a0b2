#include "cortex/detail/since_read.hpp"

#include "support/catch_compat.hpp"

#include <string>

using cortex::detail::since_read;

namespace {

using table = std::string;

auto append(char letter) {
  return [letter](table& to) { to += letter; };
}

} // namespace

TEST_CASE("what changed during a reading is done again on what was read", "[since_read]") {
  since_read<table> notes;
  notes.note(append('a')); // no reading: the file will have it
  REQUIRE(notes.begin() != 0);
  notes.note(append('b'));
  notes.note(append('c'));
  table read = "read ";

  notes.catch_up(read);
  CHECK(read == "read bc");

  notes.note(append('d'));
  notes.catch_up(read);
  CHECK(read == "read bc");
}

TEST_CASE("a change that the file refused is not done again", "[since_read]") {
  since_read<table> notes;
  const auto early = notes.note(append('a'));
  REQUIRE(notes.begin() != 0);
  notes.note(append('b'));
  const auto refused = notes.note(append('c'));
  notes.note(append('d'));
  table read;

  notes.withdraw(refused);
  notes.withdraw(early);
  notes.catch_up(read);

  CHECK(read == "bd");
}

TEST_CASE("a refusal that comes after its reading touches no later one", "[since_read]") {
  since_read<table> notes;
  table read;
  REQUIRE(notes.begin() != 0);
  const auto refused = notes.note(append('a'));
  notes.catch_up(read);
  REQUIRE(notes.begin() != 0);
  notes.note(append('b'));

  notes.withdraw(refused);
  notes.catch_up(read);

  CHECK(read == "ab");
}

TEST_CASE("a reading is awaited by who asked for it, until it arrives", "[since_read]") {
  since_read<table> before_a_crash;
  since_read<table> notes;
  const auto other = before_a_crash.begin();
  CHECK_FALSE(notes.awaits(other));
  CHECK_FALSE(notes.awaits(0));
  const auto mine = notes.begin();
  table read;

  CHECK(notes.awaits(mine));
  CHECK_FALSE(notes.awaits(other));
  notes.catch_up(read);
  CHECK_FALSE(notes.awaits(mine));
}

TEST_CASE("a reading that is asked for during another one follows it", "[since_read]") {
  since_read<table> notes;
  table read;
  REQUIRE(notes.begin() != 0);
  CHECK(notes.begin() == 0);
  CHECK_FALSE(notes.wanted());

  notes.catch_up(read);

  CHECK(notes.wanted());
  CHECK(notes.begin() != 0);
  notes.give_up();
  CHECK(notes.wanted());
}

TEST_CASE("what another one before a crash has noted is told from what was made here",
          "[since_read][recovery]") {
  since_read<table> before;
  since_read<table> notes;
  CHECK(notes.made_here(notes.note(append('a'))));
  CHECK_FALSE(notes.made_here(before.note(append('b'))));
  REQUIRE(before.begin() != 0);
  REQUIRE(notes.begin() != 0);
  CHECK(notes.made_here(notes.note(append('a'))));
  CHECK_FALSE(notes.made_here(before.note(append('b'))));
}
