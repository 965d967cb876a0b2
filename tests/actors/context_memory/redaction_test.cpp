// Secrets in texts, and what only looks like one.
#include "cortex/context_memory/redaction.hpp"

#include "support/catch_compat.hpp"

#include <string>
#include <utility>
#include <vector>

namespace memory = cortex::context_memory;
using cortex::json;

TEST_CASE("secrets are replaced, each by its rule", "[context_memory]") {
  const std::vector<std::pair<std::string, std::string>> cases{
    {"use sk-0123456789abcdef now", "use [redacted] now"},
    {"ghp_0123456789abcdefghij", "[redacted]"},
    {"(gho_0123456789abcdefghij", "([redacted]"},
    {"xoxb-0123456789-abcdefgh xoxp-0123456789-abcdefgh", "[redacted] [redacted]"},
    {"key AKIAIOSFODNN7EXAMPLE.", "key [redacted]."},
    {"mysql --password=hunter2 -u root", "mysql [redacted] -u root"},
    {"mysql --password hunter2\t-u", "mysql [redacted]\t-u"},
    {"DB_PASSWORD=x GITHUB_TOKEN=y SECRET=z API_KEY=w ls", "DB_[redacted] GITHUB_[redacted] "
                                                           "[redacted] [redacted] ls"},
    {"git clone https://joe:pa@ss@host/x.git", "git clone https://[redacted]@host/x.git"},
    {"postgres://u:p@h:5432/db?x=a@b", "postgres://[redacted]@h:5432/db?x=a@b"},
    {"TOKEN=caf\u00e9\u3000rest", "[redacted]\u3000rest"},
  };
  for (const auto& [text, wanted] : cases) {
    INFO(text);
    CHECK(memory::redacted(text) == wanted);
    CHECK(memory::redacted(memory::redacted(text)) == wanted);
  }
}

TEST_CASE("what only looks like a secret stays", "[context_memory]") {
  for (const std::string text :
       {"", "sk-short", "task-0123456789abcdefghij", "disk_usage_of_everything",
        "xoxa-0123456789abcdef", "AKIAIOSFODNN7EXAMPL", "akiaiosfodnn7example", "--password",
        "--passwords are bad", "PASSWORD= x", "TOKEN", "https://host/a:b@c", "https://joe@host",
        "a:b@c", "://", "sk", "sk-"}) {
    INFO(text);
    CHECK(memory::redacted(text) == text);
  }
}

TEST_CASE("secrets inside a value are replaced, keys stay", "[context_memory]") {
  json value = json::object(
    {{"TOKEN=x", json::array({1, "TOKEN=x", json::object({{"b", "ok"}, {"a", "SECRET=y"}})})}});

  memory::redact(value);

  CHECK(value.dump() == R"({"TOKEN=x": [1, "[redacted]", {"b": "ok", "a": "[redacted]"}]})");
}
