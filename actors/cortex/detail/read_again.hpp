/// How an actor reads its file again.
#pragma once

#include "cortex/database.hpp"
#include "cortex/executor.hpp"
#include "cortex/expected.hpp"
#include "cortex/handle.hpp"

#include <cstdint>
#include <type_traits>
#include <utility>

namespace cortex::detail {

/// Reads the file by `read(transaction)` in the lane of the writes, so after all that were handed
/// over so far and before all others. What it gives, or why it gives nothing, is told to the actor
/// as `Message{reading, …}`. Thread-safe.
template <class Message, class Protocol, class Read>
void read_again(storage::database& file, const weak_handle<Protocol>& self, std::uint64_t reading,
                Read read) {
  using content = std::invoke_result_t<Read&, storage::transaction&>; // an expected
  using done = expected<storage::written<typename content::value_type>>;
  static_cast<void>(
    file.write_async(std::move(read)).then(inline_executor(), [self, reading](done what) {
      if (const auto me = self.lock(); me.valid())
        me.tell(Message{reading, what ? content{std::move(what->value)}
                                      : content{unexpected{std::move(what).error()}}});
    }));
}

} // namespace cortex::detail
