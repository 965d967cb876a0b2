#include <cortex/cortex.hpp>
#include <cortex/semantic_cache.hpp>

#include <iostream>

int main(int argc, char** argv) {
  auto rt = cortex::runtime::open().value();
  auto cache = cortex::semantic_cache::open(rt, {.path = argc > 1 ? argv[1] : "cache.db"}).value();

  // From any thread. However many threads miss at the same time, the model is asked once.
  cortex::semantic_cache::key prompt{"install nginx please", "ollama", "llama3", "Answer briefly."};
  auto answer = cache.get_or_compute(
    prompt, [] { return std::vector<std::string>{"sudo apt install nginx"}; });
  if (!answer) {
    std::cerr << answer.error() << '\n';
    return 1;
  }
  std::cout << answer->commands->front() << '\n';
} // stops in order: actors finish, what is in memory is committed, the file is closed
