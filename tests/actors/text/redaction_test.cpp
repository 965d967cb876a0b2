// Secrets in texts, and what only looks like one.
#include "cortex/text/redaction.hpp"

#include "support/catch_compat.hpp"

#include <string>
#include <utility>
#include <vector>

using cortex::json;
using cortex::text::redacted;

TEST_CASE("secrets are replaced, each by its rule", "[text]") {
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
  for (const auto& [given, wanted] : cases) {
    INFO(given);
    CHECK(redacted(given) == wanted);
    CHECK(redacted(redacted(given)) == wanted);
  }
}

TEST_CASE("what only looks like a secret stays", "[text]") {
  for (const std::string given :
       {"", "sk-short", "task-0123456789abcdefghij", "disk_usage_of_everything",
        "xoxa-0123456789abcdef", "AKIAIOSFODNN7EXAMPL", "akiaiosfodnn7example", "--password",
        "--passwords are bad", "PASSWORD= x", "TOKEN", "https://host/a:b@c", "https://joe@host",
        "a:b@c", "://", "sk", "sk-"}) {
    INFO(given);
    CHECK(redacted(given) == given);
  }
}

TEST_CASE("secrets inside a value are replaced, keys stay", "[text]") {
  json value = json::object(
    {{"TOKEN=x", json::array({1, "TOKEN=x", json::object({{"b", "ok"}, {"a", "SECRET=y"}})})}});

  cortex::text::redact(value);

  CHECK(value.dump() == R"({"TOKEN=x": [1, "[redacted]", {"b": "ok", "a": "[redacted]"}]})");
}
