#include "support/power_model.hpp"

#include <algorithm>
#include <fstream>
#include <set>
#include <stdexcept>
#include <utility>

namespace cortex::testing {
namespace {

/// The unit a disk writes whole or not at all.
constexpr std::uint64_t sector_bytes = 512;

bool coin(std::mt19937_64& random) {
  return random() % 2 == 0;
}

void put(std::string& image, std::uint64_t offset, std::string_view data) {
  const auto begin = static_cast<std::size_t>(offset);
  if (image.size() < begin + data.size())
    image.resize(begin + data.size());
  std::copy(data.begin(), data.end(), image.begin() + static_cast<std::ptrdiff_t>(begin));
}

} // namespace

power_model::file_id power_model::attach(const std::string& path, bool syncs_directory,
                                         const std::function<std::string()>& load) {
  std::lock_guard lock{mutex_};
  if (auto known = linked_.find(path); known != linked_.end())
    return known->second;
  file f;
  f.path = path;
  f.durable = load();
  f.entry_durable = !f.durable.empty();
  f.syncs_directory = syncs_directory;
  const auto id = ++last_id_;
  files_.emplace(id, std::move(f));
  linked_.emplace(path, id);
  return id;
}

void power_model::add(file_id id, change c) {
  auto found = files_.find(id);
  if (found == files_.end())
    return; // removed, but still open somewhere
  c.sequence = sequence_++;
  found->second.unsynced.push_back(std::move(c));
}

void power_model::write(file_id id, std::uint64_t offset, std::string_view data) {
  std::lock_guard lock{mutex_};
  add(id, {0, offset, std::string{data}});
}

void power_model::truncate(file_id id, std::uint64_t size) {
  std::lock_guard lock{mutex_};
  add(id, {0, size, std::nullopt});
}

void power_model::remove(const std::string& path, bool directory_synced) {
  std::lock_guard lock{mutex_};
  if (auto known = linked_.find(path); known != linked_.end()) {
    auto node = files_.extract(known->second);
    linked_.erase(known);
    if (node.mapped().entry_durable)
      removed_.insert_or_assign(path, std::move(node.mapped()));
  }
  if (directory_synced)
    sync_directory(std::filesystem::path{path}.parent_path());
}

void power_model::sync_directory(const std::filesystem::path& directory) {
  auto inside = [&](const std::string& path) {
    return std::filesystem::path{path}.parent_path() == directory;
  };
  std::erase_if(removed_, [&](const auto& entry) { return inside(entry.first); });
  for (auto& [id, f] : files_)
    if (inside(f.path))
      f.entry_durable = true;
}

std::uint64_t power_model::begin_sync() const {
  std::lock_guard lock{mutex_};
  return sequence_;
}

void power_model::end_sync(file_id id, std::uint64_t began) {
  std::lock_guard lock{mutex_};
  auto found = files_.find(id);
  if (found == files_.end())
    return;
  auto& f = found->second;
  for (const auto& c : f.unsynced)
    if (c.sequence < began)
      apply(f.durable, c);
  std::erase_if(f.unsynced, [&](const change& c) { return c.sequence < began; });
  f.entry_durable = true;
  if (std::exchange(f.syncs_directory, false))
    sync_directory(std::filesystem::path{f.path}.parent_path());
}

void power_model::fail_sync(file_id id, std::uint64_t began) {
  std::lock_guard lock{mutex_};
  if (auto found = files_.find(id); found != files_.end())
    std::erase_if(found->second.unsynced, [&](const change& c) { return c.sequence < began; });
}

void power_model::apply(std::string& image, const change& c) {
  if (c.data)
    put(image, c.offset, *c.data);
  else
    image.resize(static_cast<std::size_t>(c.offset));
}

void power_model::apply_torn(std::string& image, const change& c, generator& random) {
  const std::string_view data = *c.data;
  for (std::size_t begin = 0; begin < data.size();) {
    const auto left_in_sector = sector_bytes - (c.offset + begin) % sector_bytes;
    const auto part = data.substr(begin, static_cast<std::size_t>(left_in_sector));
    if (coin(random))
      put(image, c.offset + begin, part);
    begin += part.size();
  }
}

std::string power_model::survive(const file& f, generator& random, power_cut& result) {
  std::string image = f.durable;
  // From "nothing more was written" to "all but the sync was done", by quarters.
  const auto kept_of_four = random() % 5;
  const bool tears = kept_of_four < 4; // else a long history would never come through whole
  for (const auto& c : f.unsynced) {
    if (random() % 4 >= kept_of_four) {
      ++result.lost;
    } else if (tears && c.data && c.data->size() > sector_bytes && random() % 4 == 0) {
      apply_torn(image, c, random);
      ++result.torn;
    } else {
      apply(image, c);
      ++result.kept;
    }
  }
  return image;
}

power_cut power_model::cut(const std::filesystem::path& directory, std::uint64_t seed) const {
  std::lock_guard lock{mutex_};
  generator random{seed};
  power_cut result;
  std::set<std::filesystem::path> names;
  auto leave = [&](const file& f) {
    const auto name = std::filesystem::path{f.path}.filename();
    if (!names.insert(name).second)
      throw std::logic_error{"two files are named " + name.string()};
    const auto image = survive(f, random, result);
    std::ofstream out;
    out.exceptions(std::ios::badbit | std::ios::failbit);
    out.open(directory / name, std::ios::binary | std::ios::trunc);
    out.write(image.data(), static_cast<std::streamsize>(image.size()));
    out.close();
    ++result.files;
  };

  std::filesystem::create_directories(directory);
  std::set<std::string> present;
  for (const auto& [path, id] : linked_) {
    const auto& f = files_.at(id);
    if (f.entry_durable || coin(random)) {
      leave(f);
      present.insert(path);
    } else {
      result.lost += f.unsynced.size();
    }
  }
  for (const auto& [path, f] : removed_)
    if (!present.contains(path) && coin(random))
      leave(f);
  return result;
}

} // namespace cortex::testing
