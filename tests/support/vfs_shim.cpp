#include "support/vfs_shim.hpp"

#include <new>
#include <stdexcept>
#include <string_view>

// The functions here are called by SQLite, which is C: none may throw. They are `noexcept`, so a
// test that is out of memory while recording ends at once.

namespace cortex::testing {
namespace {

/// What SQLite allocates for each file; the real VFS's file lies behind it.
struct shim_file {
  sqlite3_file base;          // must be first
  sqlite3_io_methods methods; // one table for each file: it has what the real file has
  vfs_shim* shim;
  file_role role;
  power_model::file_id record; // 0: not recorded
};

static_assert(sizeof(shim_file) % 8 == 0, "the real file behind it must be aligned");

shim_file& shim_of(sqlite3_file* file) {
  return *reinterpret_cast<shim_file*>(file);
}

sqlite3_file* real_of(sqlite3_file* file) {
  return reinterpret_cast<sqlite3_file*>(reinterpret_cast<shim_file*>(file) + 1);
}

const sqlite3_io_methods& methods_of(sqlite3_file* file) {
  return *real_of(file)->pMethods;
}

vfs_shim& shim_of(sqlite3_vfs* vfs) {
  return *static_cast<vfs_shim*>(vfs->pAppData);
}

sqlite3_vfs* real_of(sqlite3_vfs* vfs) {
  return shim_of(vfs).real;
}

int enter(const shim_file& f, io_call call) {
  return f.shim->enter(call, f.role);
}

file_role role_of(int flags) {
  if (flags & SQLITE_OPEN_MAIN_DB)
    return file_role::main_db;
  if (flags & SQLITE_OPEN_WAL)
    return file_role::wal;
  if (flags & (SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_SUPER_JOURNAL))
    return file_role::journal;
  return file_role::other;
}

file_role role_of(std::string_view path) {
  if (path.ends_with("-wal"))
    return file_role::wal;
  const auto file_name = path.substr(path.rfind('/') + 1); // all of it if there is no slash
  if (path.ends_with("-journal") || file_name.find("-mj") != std::string_view::npos)
    return file_role::journal;
  return file_role::other;
}

// -- files: what is counted and can fail ----------------------------------------------------------

int close_file(sqlite3_file* file) noexcept {
  shim_of(file).shim->open_files.fetch_sub(1, std::memory_order_relaxed);
  return methods_of(file).xClose(real_of(file));
}

int read_file(sqlite3_file* file, void* data, int size, sqlite3_int64 offset) noexcept {
  if (int code = enter(shim_of(file), io_call::read))
    return code;
  return methods_of(file).xRead(real_of(file), data, size, offset);
}

int write_file(sqlite3_file* file, const void* data, int size, sqlite3_int64 offset) noexcept {
  auto& f = shim_of(file);
  if (int code = enter(f, io_call::write))
    return code;
  const auto wanted = static_cast<std::uint64_t>(size);
  const auto admitted = f.shim->plan.admit_bytes(wanted, f.role);
  if (admitted > 0) {
    int code = methods_of(file).xWrite(real_of(file), data, static_cast<int>(admitted), offset);
    if (code != SQLITE_OK)
      return code;
    if (f.record != 0)
      f.shim->power.write(f.record, static_cast<std::uint64_t>(offset),
                          {static_cast<const char*>(data), static_cast<std::size_t>(admitted)});
  }
  return admitted < wanted ? SQLITE_FULL : SQLITE_OK;
}

int truncate_file(sqlite3_file* file, sqlite3_int64 size) noexcept {
  auto& f = shim_of(file);
  if (int code = enter(f, io_call::truncate))
    return code;
  int code = methods_of(file).xTruncate(real_of(file), size);
  if (code == SQLITE_OK && f.record != 0)
    f.shim->power.truncate(f.record, static_cast<std::uint64_t>(size));
  return code;
}

int sync_file(sqlite3_file* file, int flags) noexcept {
  auto& f = shim_of(file);
  int code = enter(f, io_call::sync);
  const auto began = f.shim->power.begin_sync();
  if (code == SQLITE_OK)
    code = methods_of(file).xSync(real_of(file), flags);
  if (f.record == 0)
    return code;
  if (code == SQLITE_OK)
    f.shim->power.end_sync(f.record, began);
  else if (f.shim->options.failed_sync_loses_writes)
    f.shim->power.fail_sync(f.record, began);
  return code;
}

// -- files: what is only forwarded ----------------------------------------------------------------

int file_size(sqlite3_file* file, sqlite3_int64* size) noexcept {
  return methods_of(file).xFileSize(real_of(file), size);
}

int lock_file(sqlite3_file* file, int level) noexcept {
  return methods_of(file).xLock(real_of(file), level);
}

int unlock_file(sqlite3_file* file, int level) noexcept {
  return methods_of(file).xUnlock(real_of(file), level);
}

int check_reserved_lock(sqlite3_file* file, int* reserved) noexcept {
  return methods_of(file).xCheckReservedLock(real_of(file), reserved);
}

int file_control(sqlite3_file* file, int op, void* argument) noexcept {
  return methods_of(file).xFileControl(real_of(file), op, argument);
}

int sector_size(sqlite3_file* file) noexcept {
  return methods_of(file).xSectorSize(real_of(file));
}

int device_characteristics(sqlite3_file* file) noexcept {
  return methods_of(file).xDeviceCharacteristics(real_of(file));
}

int shm_map(sqlite3_file* file, int page, int size, int extend, volatile void** memory) noexcept {
  return methods_of(file).xShmMap(real_of(file), page, size, extend, memory);
}

int shm_lock(sqlite3_file* file, int offset, int n, int flags) noexcept {
  return methods_of(file).xShmLock(real_of(file), offset, n, flags);
}

void shm_barrier(sqlite3_file* file) noexcept {
  methods_of(file).xShmBarrier(real_of(file));
}

int shm_unmap(sqlite3_file* file, int remove) noexcept {
  return methods_of(file).xShmUnmap(real_of(file), remove);
}

int fetch(sqlite3_file* file, sqlite3_int64 offset, int size, void** memory) noexcept {
  return methods_of(file).xFetch(real_of(file), offset, size, memory);
}

int unfetch(sqlite3_file* file, sqlite3_int64 offset, void* memory) noexcept {
  return methods_of(file).xUnfetch(real_of(file), offset, memory);
}

sqlite3_io_methods wrap(const sqlite3_io_methods& real) {
  sqlite3_io_methods m{};
  m.iVersion = real.iVersion < 3 ? real.iVersion : 3;
  m.xClose = close_file;
  m.xRead = read_file;
  m.xWrite = write_file;
  m.xTruncate = truncate_file;
  m.xSync = sync_file;
  m.xFileSize = file_size;
  m.xLock = lock_file;
  m.xUnlock = unlock_file;
  m.xCheckReservedLock = check_reserved_lock;
  m.xFileControl = file_control;
  m.xSectorSize = sector_size;
  m.xDeviceCharacteristics = device_characteristics;
  // SQLite takes a null here for "no shared memory", so what the real file lacks stays null.
  if (m.iVersion >= 2 && real.xShmMap) {
    m.xShmMap = shm_map;
    m.xShmLock = shm_lock;
    m.xShmBarrier = shm_barrier;
    m.xShmUnmap = shm_unmap;
  }
  if (m.iVersion >= 3 && real.xFetch) {
    m.xFetch = fetch;
    m.xUnfetch = unfetch;
  }
  return m;
}

// -- the VFS itself -------------------------------------------------------------------------------

/// What a file holds, read through the handle that is open already.
std::string content_of(sqlite3_file* real) {
  sqlite3_int64 size = 0;
  if (real->pMethods->xFileSize(real, &size) != SQLITE_OK || size == 0)
    return {};
  std::string content(static_cast<std::size_t>(size), '\0');
  if (real->pMethods->xRead(real, content.data(), static_cast<int>(size), 0) != SQLITE_OK)
    return {};
  return content;
}

int open_file(sqlite3_vfs* vfs, const char* path, sqlite3_file* file, int flags,
              int* out_flags) noexcept {
  auto& shim = shim_of(vfs);
  auto* f = new (file) shim_file{}; // no methods: SQLite must not close what failed to open
  f->shim = &shim;
  f->role = role_of(flags);
  if (int code = shim.enter(io_call::open, f->role))
    return code;
  auto* real = real_of(file);
  real->pMethods = nullptr;
  int code = shim.real->xOpen(shim.real, path, real, flags, out_flags);
  if (real->pMethods == nullptr)
    return code;
  f->methods = wrap(*real->pMethods);
  f->base.pMethods = &f->methods;
  shim.open_files.fetch_add(1, std::memory_order_relaxed);
  const bool lasting = path != nullptr && !(flags & SQLITE_OPEN_DELETEONCLOSE);
  if (code == SQLITE_OK && lasting && shim.options.record_unsynced) {
    const bool syncs_directory = f->role == file_role::wal || f->role == file_role::journal;
    f->record = shim.power.attach(path, syncs_directory, [&] { return content_of(real); });
  }
  return code;
}

int remove_file(sqlite3_vfs* vfs, const char* path, int sync_directory) noexcept {
  auto& shim = shim_of(vfs);
  if (int code = shim.enter(io_call::remove, role_of(path)))
    return code;
  int code = shim.real->xDelete(shim.real, path, sync_directory);
  if (code == SQLITE_OK && shim.options.record_unsynced)
    shim.power.remove(path, sync_directory != 0);
  return code;
}

int access_file(sqlite3_vfs* vfs, const char* path, int flags, int* result) noexcept {
  return real_of(vfs)->xAccess(real_of(vfs), path, flags, result);
}

int full_path(sqlite3_vfs* vfs, const char* path, int size, char* out) noexcept {
  return real_of(vfs)->xFullPathname(real_of(vfs), path, size, out);
}

void* dl_open(sqlite3_vfs* vfs, const char* path) noexcept {
  return real_of(vfs)->xDlOpen(real_of(vfs), path);
}

void dl_error(sqlite3_vfs* vfs, int size, char* message) noexcept {
  real_of(vfs)->xDlError(real_of(vfs), size, message);
}

using dl_function = void (*)();

dl_function dl_sym(sqlite3_vfs* vfs, void* library, const char* symbol) noexcept {
  return real_of(vfs)->xDlSym(real_of(vfs), library, symbol);
}

void dl_close(sqlite3_vfs* vfs, void* library) noexcept {
  real_of(vfs)->xDlClose(real_of(vfs), library);
}

int randomness(sqlite3_vfs* vfs, int size, char* out) noexcept {
  return real_of(vfs)->xRandomness(real_of(vfs), size, out);
}

int sleep_for(sqlite3_vfs* vfs, int microseconds) noexcept {
  return real_of(vfs)->xSleep(real_of(vfs), microseconds);
}

int current_time(sqlite3_vfs* vfs, double* julian_day) noexcept {
  return real_of(vfs)->xCurrentTime(real_of(vfs), julian_day);
}

int last_error(sqlite3_vfs* vfs, int size, char* message) noexcept {
  return real_of(vfs)->xGetLastError(real_of(vfs), size, message);
}

int current_time_int64(sqlite3_vfs* vfs, sqlite3_int64* milliseconds) noexcept {
  return real_of(vfs)->xCurrentTimeInt64(real_of(vfs), milliseconds);
}

std::string unique_name() {
  static std::atomic<unsigned> last = 0; // relaxed: only the number matters
  return "fault_" + std::to_string(last.fetch_add(1, std::memory_order_relaxed) + 1);
}

sqlite3_vfs* default_vfs() {
  auto* found = sqlite3_vfs_find(nullptr);
  if (found == nullptr)
    throw std::runtime_error{"SQLite has no default VFS"};
  return found;
}

sqlite3_vfs wrap(vfs_shim& shim) {
  const auto& real = *shim.real;
  sqlite3_vfs v{};
  v.iVersion = real.iVersion < 2 ? real.iVersion : 2; // 3 adds system calls, which no test sets
  v.szOsFile = static_cast<int>(sizeof(shim_file)) + real.szOsFile;
  v.mxPathname = real.mxPathname;
  v.zName = shim.name.c_str();
  v.pAppData = &shim;
  v.xOpen = open_file;
  v.xDelete = remove_file;
  v.xAccess = access_file;
  v.xFullPathname = full_path;
  v.xDlOpen = dl_open;
  v.xDlError = dl_error;
  v.xDlSym = dl_sym;
  v.xDlClose = dl_close;
  v.xRandomness = randomness;
  v.xSleep = sleep_for;
  v.xCurrentTime = current_time;
  v.xGetLastError = last_error;
  v.xCurrentTimeInt64 = current_time_int64;
  return v;
}

} // namespace

vfs_shim::vfs_shim(fault_vfs_options o)
  : options{o}, name{unique_name()}, real{default_vfs()}, vfs_{wrap(*this)} {
  if (sqlite3_vfs_register(&vfs_, 0) != SQLITE_OK)
    throw std::runtime_error{"cannot register the VFS " + name};
}

vfs_shim::~vfs_shim() {
  sqlite3_vfs_unregister(&vfs_);
}

int vfs_shim::enter(io_call call, file_role role) {
  plan.count(call, role);
  gate.pass(call, role);
  return plan.verdict(call, role);
}

} // namespace cortex::testing
