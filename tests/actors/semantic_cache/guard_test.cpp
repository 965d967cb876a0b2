#include "cortex/semantic_cache/guard.hpp"

#include "support/catch_compat.hpp"

#include <string>

namespace cache = cortex::semantic_cache;

namespace {

struct pair_of_prompts {
  std::string asked;
  std::string remembered;
};

/// Which of the six things differ, or an empty text. The order of the two must not matter.
std::string difference(const pair_of_prompts& both) {
  const auto found = cache::decisive_difference(both.asked, both.remembered);
  const auto other_way = cache::decisive_difference(both.remembered, both.asked);
  CHECK(found.has_value() == other_way.has_value());
  return found ? found->substr(0, found->find(':')) : "";
}

} // namespace

TEST_CASE("prompts that differ in a number, a version or a unit are told apart",
          "[semantic_cache][guard]") {
  const auto both = GENERATE(values<pair_of_prompts>({
    {"install python 3.11", "install python 3.12"},
    {"install python 3.1", "install python 3.10"},
    {"install python 3", "install python"},
    {"install python2 now", "install python3 now"},
    {"upgrade node to v18", "upgrade node to v20"},
    {"make a 10 GB swap file", "make a 10 MB swap file"},
    {"make a 10GB swap file", "make a 10 MB swap file"},
    {"wait 5 seconds", "wait 5 minutes"},
    {"wait two hours", "wait three hours"},
    {"wait one hour", "wait two hours"},
    {"use 50% of the disk", "use 50 of the disk"},
    {"resize from 10 to 20 pixels", "resize from 20 to 10 pixels"},
    {"listen on port 80", "listen on port 8080"},
    {"show the last 5 lines", "show the last -5 lines"},
    {"back up at 10:30", "back up at 10:45"},
    {"list the first 1,000 files", "list the first 10,000 files"},
    {"zeige \uff13 Dateien", "zeige \uff14 Dateien"},
  }));
  INFO(both.asked << " / " << both.remembered);

  CHECK(difference(both) == "number");
}

TEST_CASE("prompts that differ in a path, a file or an address are told apart",
          "[semantic_cache][guard]") {
  const auto both = GENERATE(values<pair_of_prompts>({
    {"show /etc/hosts", "show /etc/passwd"},
    {"show /etc/Hosts", "show /etc/hosts"},
    {"copy /a to /b", "copy /b to /a"},
    {"delete notes.txt", "delete letters.txt"},
    {"delete notes.txt", "delete notes.md"},
    {"ping example.com", "ping example.org"},
    {"fetch https://a.example/x", "fetch https://a.example/y"},
    {"clean ~/downloads", "clean ~/documents"},
    {"open C:\\temp", "open C:\\data"},
    {"list the files in ..", "list the files in ../.."},
    {"list the files in src/", "list the files in"},
  }));
  INFO(both.asked << " / " << both.remembered);

  CHECK(difference(both) == "path");
}

TEST_CASE("prompts that differ in a flag are told apart", "[semantic_cache][guard]") {
  const auto both = GENERATE(values<pair_of_prompts>({
    {"git push --force", "git push"},
    {"git push --force", "git push --dry-run"},
    {"explain ls -r", "explain ls -R"},
    {"explain ls -l", "explain ls -l -a"},
    {"clone with --depth=one", "clone with --depth=all"},
  }));
  INFO(both.asked << " / " << both.remembered);

  CHECK(difference(both) == "flag");
}

TEST_CASE("prompts that differ in a negation are told apart", "[semantic_cache][guard]") {
  const auto both = GENERATE(values<pair_of_prompts>({
    {"do not delete the logs", "do delete the logs"},
    {"don't delete the logs", "delete the logs"},
    {"Don\u2019t delete the logs", "delete the logs"},
    {"NEVER delete the logs", "delete the logs"},
    {"install nginx without docs", "install nginx with docs"},
    {"copy all files except images", "copy all files and images"},
    {"copy images but not videos", "copy videos but not images"},
    {"list users who cannot log in", "list users who can log in"},
    {"list packages with no updates", "list packages with updates"},
    {"delete neither logs nor mails", "delete logs and mails"},
  }));
  INFO(both.asked << " / " << both.remembered);

  CHECK(difference(both) == "negation");
}

TEST_CASE("prompts that differ in a quoted name are told apart", "[semantic_cache][guard]") {
  const auto both = GENERATE(values<pair_of_prompts>({
    {"create user 'anna'", "create user 'bert'"},
    {"create user \"anna\"", "create user 'bert'"},
    {"create user \u201canna\u201d", "create user bert"},
    {"create user `Anna`", "create user `anna`"},
    {"rename 'anna' to 'bert'", "rename 'bert' to 'anna'"},
    {"find 'ann' in the list", "find annabel in the list"},
    {"say 'good morning' twice", "say 'good evening' twice"},
    {"\u00abmaison\u00bb en anglais", "\u00abjardin\u00bb en anglais"},
  }));
  INFO(both.asked << " / " << both.remembered);

  CHECK(difference(both) == "name");
}

TEST_CASE("prompts that say the opposite are told apart", "[semantic_cache][guard]") {
  const auto both = GENERATE(values<pair_of_prompts>({
    {"start nginx", "stop nginx"},
    {"START nginx", "Stop nginx"},
    {"how is nginx started", "how is nginx stopped"},
    {"starting the service", "stopping the service"},
    {"stop and start nginx", "start nginx"},
    {"enable the firewall", "disable the firewall"},
    {"enabling the firewall", "disabling the firewall"},
    {"install docker", "remove docker"},
    {"install docker", "uninstall docker"},
    {"installation of docker", "removing docker"},
    {"add a user", "delete a user"},
    {"create a branch", "delete a branch"},
    {"turn wifi on", "turn wifi off"},
    {"turn wifi off on ubuntu", "turn wifi on on ubuntu"},
    {"bring eth up", "bring eth down"},
    {"increase the volume", "decrease the volume"},
    {"compress the folder", "extract the folder"},
    {"mount the disk", "unmount the disk"},
    {"allow ssh", "block ssh"},
    {"log in to the server", "log out of the server"},
    {"sort in ascending order", "sort in descending order"},
    {"show the oldest files", "show the newest files"},
    {"upload the file", "download the file"},
    {"run as root user", "run as non-root user"},
    {"subscribe to the list", "unsubscribe from the list"},
    {"pin the package", "unpin the package"},
  }));
  INFO(both.asked << " / " << both.remembered);

  CHECK(difference(both) == "opposite");
}

TEST_CASE("prompts that ask for the same pass the guard", "[semantic_cache][guard]") {
  const auto both = GENERATE(values<pair_of_prompts>({
    {"", ""},
    {"install nginx", "install nginx"},
    {"install nginx", "please install nginx"},
    {"install nginx", "Install NGINX!"},
    {"how do I install nginx", "how can I install nginx on ubuntu"},
    {"installing nginx", "install nginx"},
    {"remove docker", "uninstall docker"},
    {"start the service", "start the nginx service"},
    {"don't delete the logs", "do not delete my logs"},
    {"Don\u2019t delete logs", "don't delete logs"},
    {"nginx doesn't start", "nginx does not start"},
    {"install nginx without docs", "please install nginx without any docs"},
    {"make a 10 GB file", "make a 10GB file"},
    {"make a 10 gigabytes file", "make a 10 GB file"},
    {"wait for two hours", "wait for 2 h"},
    {"wait one minute", "wait 1 min"},
    {"node v18", "node 18"},
    {"list 1,000 files", "list 1000 files"},
    {"zeige \uff13 Dateien", "zeige 3 Dateien"},
    {"show /etc/hosts", "show me /etc/hosts."},
    {"list src/", "list (src/)"},
    {"clean 'logs'", "clean logs"},
    {"clean \"logs\"", "clean \u201clogs\u201d"},
    {"open README.md", "open readme.md"},
    {"tar -x -v", "tar -v -x"},
    {"which one is newer", "which is newer"},
    {"set up nginx", "set nginx up"},
    {"install it on ubuntu", "install it ubuntu"},
    {"turn wifi off on ubuntu", "turn wifi off ubuntu"},
    {"the users' files", "the user's files"},
    {"e.g. nginx", "nginx"},
    {"\u4f60\u597d", "\u4f60\u597d\u5417"},
  }));
  INFO(both.asked << " / " << both.remembered);

  CHECK(difference(both).empty());
}

TEST_CASE("the guard tells both sides of a difference", "[semantic_cache][guard]") {
  CHECK(cache::decisive_difference("install python 3.11", "install python 3.12")
        == "number: asked '3.11', remembered '3.12'");
  CHECK(cache::decisive_difference("git push --force", "git push")
        == "flag: asked '--force', remembered none");
  CHECK(cache::decisive_difference("start nginx", "stop nginx")
        == "opposite: asked 'start', remembered its opposite");
  CHECK(cache::decisive_difference("user 'a'", "user 'b'") == "name: asked 'a', not remembered");
}

TEST_CASE("whatever a prompt is, it does not differ from itself", "[semantic_cache][guard]") {
  const auto prompt = GENERATE(values<std::string>({"'",
                                                    "''",
                                                    "\"unclosed",
                                                    "-",
                                                    "--",
                                                    "---x",
                                                    "/",
                                                    "~",
                                                    "..",
                                                    "...",
                                                    ".",
                                                    "a.",
                                                    ".b",
                                                    "v",
                                                    "v1",
                                                    "1_",
                                                    ",1",
                                                    "1,000,",
                                                    "n't",
                                                    "not",
                                                    "not not",
                                                    "no no",
                                                    "`a` 'b' \"c\"",
                                                    "it's 'it's'",
                                                    "%",
                                                    "5 %",
                                                    "\xff\xfe",
                                                    "'\xff'",
                                                    "\u2019\u2019",
                                                    "log",
                                                    "log in",
                                                    "un",
                                                    "non-",
                                                    "5 5 gb gb"}));
  INFO(prompt);

  CHECK(!cache::decisive_difference(prompt, prompt));
}
