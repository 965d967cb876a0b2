#include "cortex/text/digest.hpp"

#include "support/catch_compat.hpp"
#include "support/vectors.hpp"

#include <algorithm>
#include <string>

namespace text = cortex::text;
namespace testing = cortex::testing;

TEST_CASE("SHA-256 gives the digests of its standard", "[text]") {
  // FIPS 180-2, appendix B.1 and B.2.
  CHECK(text::sha256_hex("abc")
        == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(text::sha256_hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")
        == "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

TEST_CASE("SHA-256 of texts", "[text]") {
  testing::case_counter counter{"sha256"};
  for (const auto& item : testing::read_vectors("semantic_cache", "sha256")) {
    const auto source = item.at("text").get<std::string>();
    INFO("text: " << source);
    CHECK(text::sha256_hex(source) == item.at("hex").get<std::string>());
    counter.ran();
  }
  counter.require_any();
}

TEST_CASE("SHA-256 by the processor's instructions is that of the library", "[text]") {
  // Every length around the ends of the first blocks: that is where padding goes.
  std::string source;
  std::size_t wrong = 0;
  for (unsigned i = 0; i < 700; ++i) {
    wrong += text::sha256(source) != text::detail::sha256_by_library(source);
    source += static_cast<char>(i * 7 + i / 64);
  }
  CHECK(wrong == 0);
}

TEST_CASE("BLAKE2b of 8 bytes is no cut of a longer digest", "[text]") {
  testing::case_counter counter{"token_hash, number"};
  for (const auto& item : testing::read_vectors("semantic_cache", "token_hash")) {
    const auto token = item.at("token").get<std::string>();
    INFO("token: " << token);
    CHECK(text::blake2b64(token)
          == std::stoull(item.at("blake2b_8").get<std::string>(), nullptr, 16));
    counter.ran();
  }
  counter.require_any();

  // RFC 7693, appendix A: BLAKE2b-512("abc") begins like this.
  CHECK(text::blake2b64("abc") != 0xba80a53f981c4d0dU);
}

TEST_CASE("a digest keeps its text and its order", "[text]") {
  const auto small = text::sha256("a");
  const auto large = text::sha256("b");

  CHECK(text::digest_from_hex(text::to_hex(small)) == small);
  CHECK((small < large) == (text::to_hex(small) < text::to_hex(large)));
  CHECK(text::digest_hash{}(small) != text::digest_hash{}(large));
}

TEST_CASE("only 64 lower-case digits are the text of a digest", "[text][errors]") {
  auto hex = text::sha256_hex("a");
  REQUIRE(text::digest_from_hex(hex));

  CHECK_FALSE(text::digest_from_hex(""));
  CHECK_FALSE(text::digest_from_hex(hex + "0"));
  CHECK_FALSE(text::digest_from_hex(hex.substr(1)));
  hex[63] = 'g';
  CHECK_FALSE(text::digest_from_hex(hex));
  hex[63] = 'A';
  CHECK_FALSE(text::digest_from_hex(hex));
}
