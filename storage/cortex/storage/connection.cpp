#include "cortex/storage/connection.hpp"

#include "cortex/storage/sqlite_error.hpp"

#include <sqlite3.h>

#include <algorithm>
#include <array>
#include <string>
#include <thread>
#include <utility>

namespace cortex::storage::detail {
namespace {

// Beyond this many texts a program most likely builds SQL by hand; the cache starts over then.
constexpr std::size_t cache_limit = 256;

// So many steps of SQLite's machine, some 20 us of work, pass between two looks at whether a
// statement is to end. A look costs some 5 ns, with a time to keep some 30.
constexpr int steps_between_looks = 1000;

constexpr std::array<const char*, static_cast<std::size_t>(connection::fixed::count)> fixed_sql{
  "BEGIN",
  "BEGIN IMMEDIATE",
  "COMMIT",
  "ROLLBACK",
  "SAVEPOINT cortex_member",
  "RELEASE cortex_member",
  "ROLLBACK TO cortex_member"};

// The text for an error must not carry values: they may be secrets. SQL has none, they are bound.
std::string shorten(std::string_view sql) {
  constexpr std::size_t most = 120;
  std::string out{'\''};
  out += sql.substr(0, most);
  out += sql.size() > most ? "…'" : "'";
  return out;
}

bool only_space(std::string_view text) {
  return text.find_first_not_of(" \t\r\n;") == std::string_view::npos;
}

// Pragmas that tell something and change nothing, with or without an argument.
bool harmless_pragma(std::string_view name, const char* argument) {
  constexpr std::array plain{"data_version",    "page_count",     "page_size",   "freelist_count",
                             "user_version",    "application_id", "encoding",    "schema_version",
                             "compile_options", "database_list",  "foreign_keys"};
  constexpr std::array with_argument{
    "table_info",  "table_xinfo",      "table_list",  "index_list",      "index_info",
    "index_xinfo", "foreign_key_list", "quick_check", "integrity_check", "foreign_key_check"};
  auto is = [name](const char* other) { return name == other; };
  if (std::ranges::any_of(with_argument, is))
    return true;
  return argument == nullptr && std::ranges::any_of(plain, is);
}

struct leave_on_exit {
  void operator()(interruption* stop) const noexcept { stop->leave(); }
};

} // namespace

void close_connection::operator()(sqlite3* db) const noexcept {
  sqlite3_close_v2(db);
}

void finalize_statement::operator()(sqlite3_stmt* stmt) const noexcept {
  sqlite3_finalize(stmt);
}

statement::statement(connection& owner, raw_statement prepared)
  : owner_(&owner),
    raw_(std::move(prepared)),
    reads_only_(sqlite3_stmt_readonly(raw_.get()) != 0) {}

// -- opening --------------------------------------------------------------------------------------

connection::connection(std::unique_ptr<sqlite3, close_connection> db) : db_(std::move(db)) {}

connection::~connection() = default; // statements go before the connection, by member order

expected<std::unique_ptr<connection>> connection::open(const connection_options& options) {
  sqlite3* opened = nullptr;
  const int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE
                    | (options.read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE);
  const int code = sqlite3_open_v2(options.path.c_str(), &opened, flags,
                                   options.vfs.empty() ? nullptr : options.vfs.c_str());
  std::unique_ptr<sqlite3, close_connection> db{opened};
  if (code != SQLITE_OK)
    return fail(translate(code, "cannot open '" + options.path + "'", opened));
  std::unique_ptr<connection> out{new connection{std::move(db)}};
  if (auto done = out->configure(options); !done)
    return unexpected{std::move(done).error()};
  return out;
}

// Our own statements are never ended: a COMMIT has no second chance.
int connection::progress(void* self) noexcept {
  auto& on = *static_cast<connection*>(self);
  on.worked_long_ = true;
  return on.scope_ != sql_scope::own && on.stops() ? 1 : 0;
}

// SQLite's own way to wait sleeps for up to 100 ms and listens to nobody. Only another process
// holds a lock that is waited for here.
int connection::wait_for_lock(void* self, int waits_before) noexcept {
  auto& on = *static_cast<connection*>(self);
  const auto now = std::chrono::steady_clock::now();
  if (waits_before == 0)
    on.waits_since_ = now;
  const auto waited = now - on.waits_since_;
  if (waited >= on.busy_timeout_ || on.stops())
    return 0;
  constexpr std::chrono::nanoseconds brief = std::chrono::milliseconds{1};
  constexpr std::chrono::nanoseconds usual = std::chrono::milliseconds{5};
  std::this_thread::sleep_for(
    std::min(waits_before < 10 ? brief : usual, on.busy_timeout_ - waited));
  return 1;
}

void connection::watch_statements() noexcept {
  sqlite3_progress_handler(db_.get(), steps_between_looks, &connection::progress, this);
}

expected<void> connection::configure(const connection_options& options) {
  auto* db = db_.get();
  set_busy_timeout(options.busy_timeout);
  sqlite3_busy_handler(db, &connection::wait_for_lock, this);
  watch_statements();
  sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0, nullptr);
  if (options.read_only)
    sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  // The hook takes the place of SQLite's automatic checkpoints, which are off on every connection.
  sqlite3_wal_hook(
    db,
    [](void* self, sqlite3*, const char*, int pages) {
      static_cast<connection*>(self)->wal_pages_ = pages;
      return SQLITE_OK;
    },
    this);
  auto set = exec("PRAGMA temp_store=MEMORY; PRAGMA foreign_keys=ON; PRAGMA mmap_size=0; "
                  "PRAGMA secure_delete=FAST; PRAGMA analysis_limit=400; " // rows of an index
                  "PRAGMA cache_size=-"
                  + std::to_string(options.cache_kib));
  if (!set)
    return set;
  for (const char* sql : fixed_sql) {
    auto compiled = compile(sql, sql_scope::own, true);
    if (!compiled)
      return unexpected{std::move(compiled).error()};
    fixed_.push_back(*std::move(compiled));
  }
  auto version = compile("PRAGMA data_version", sql_scope::own, true);
  if (!version)
    return unexpected{std::move(version).error()};
  data_version_ = *std::move(version);
  sqlite3_set_authorizer(db, &connection::authorize, this);
  return {};
}

int connection::authorize(void* self, int action, const char* first, const char* second,
                          const char* /*schema*/, const char* /*trigger*/) noexcept {
  const auto scope = static_cast<connection*>(self)->scope_;
  if (scope == sql_scope::own)
    return SQLITE_OK;
  switch (action) {
    case SQLITE_TRANSACTION:
    case SQLITE_SAVEPOINT:
    case SQLITE_ATTACH:
    case SQLITE_DETACH: return SQLITE_DENY;
    case SQLITE_PRAGMA: return harmless_pragma(first, second) ? SQLITE_OK : SQLITE_DENY;
    case SQLITE_FUNCTION:
      return second != nullptr && std::string_view{second} == "load_extension" ? SQLITE_DENY
                                                                               : SQLITE_OK;
    default: return SQLITE_OK;
  }
}

// -- SQL of callers -------------------------------------------------------------------------------

expected<raw_statement> connection::compile(std::string_view sql, sql_scope scope,
                                            bool persistent) {
  sqlite3_stmt* compiled = nullptr;
  const char* tail = nullptr;
  const auto before = std::exchange(scope_, scope);
  const int code = sqlite3_prepare_v3(db_.get(), sql.data(), static_cast<int>(sql.size()),
                                      persistent ? SQLITE_PREPARE_PERSISTENT : 0U, &compiled,
                                      &tail);
  raw_statement out{compiled};
  auto verdict = [&]() -> expected<void> {
    if (code == SQLITE_AUTH)
      return fail(errc::invalid_argument,
                  "not allowed here: " + shorten(sql)
                    + " (transactions, ATTACH and pragmas are the database's business)");
    if (code != SQLITE_OK)
      return fail(translate(code, shorten(sql), db_.get()));
    if (compiled == nullptr)
      return fail(errc::invalid_argument, "no statement in " + shorten(sql));
    if (!nothing_in(sql.substr(static_cast<std::size_t>(tail - sql.data()))))
      return fail(errc::invalid_argument, "more than one statement in " + shorten(sql));
    return {};
  }();
  scope_ = before;
  if (!verdict)
    return unexpected{std::move(verdict).error()};
  return out;
}

void connection::make_room() {
  if (cache_.size() < cache_limit)
    return;
  std::erase_if(cache_, [](const auto& entry) { return !entry.second->busy; });
}

expected<statement*> connection::find_or_compile(std::string_view sql, sql_scope scope) {
  statement* found = nullptr;
  if (const auto it = cache_.find(sql); it != cache_.end() && !it->second->busy) {
    found = it->second.get();
  } else {
    if (sql.size() > std::size_t{1} << 20U)
      return fail(errc::invalid_argument, "SQL text of more than 1 MiB");
    const bool in_use = it != cache_.end(); // a query inside a loop over the same query
    auto compiled = compile(sql, scope, !in_use);
    if (!compiled)
      return unexpected{std::move(compiled).error()};
    auto made = std::make_unique<statement>(*this, *std::move(compiled));
    found = made.get();
    if (in_use) {
      found->one_off = true;
      one_offs_.push_back(std::move(made));
    } else {
      make_room();
      cache_.emplace(std::string{sql}, std::move(made));
    }
  }
  return found;
}

// From here until it is reset the statement keeps others away from the connection.
expected<statement*> connection::prepare(std::string_view sql, std::size_t parameters,
                                         sql_scope scope) {
  if (stop_ != nullptr && !stop_->enter())
    return told();
  auto ready = find_or_compile(sql, scope);
  if (!ready) {
    step_aside();
    return ready;
  }
  auto* found = *ready;
  found->busy = true;
  ++busy_;
  found->bind_failure = SQLITE_OK;
  if (scope == sql_scope::read && !found->reads_only()) {
    reset(*found);
    return fail(errc::invalid_argument, "a read cannot run " + shorten(sql));
  }
  const auto wanted = static_cast<std::size_t>(sqlite3_bind_parameter_count(found->raw()));
  if (wanted != parameters) {
    reset(*found);
    return fail(errc::invalid_argument, shorten(sql) + " has " + std::to_string(wanted)
                                          + " parameters, " + std::to_string(parameters)
                                          + " were given");
  }
  return found;
}

expected<bool> connection::step(statement& prepared) {
  if (stops())
    return told();
  if (prepared.bind_failure != SQLITE_OK)
    return fail(translate(prepared.bind_failure, "binding a parameter"));
  if (!prepared.reads_only())
    changed_ = true;
  scope_ = prepared.reads_only() ? sql_scope::read : sql_scope::change; // it may be compiled anew
  const int code = sqlite3_step(prepared.raw());
  scope_ = sql_scope::own;
  if (code == SQLITE_ROW)
    return true;
  if (code == SQLITE_DONE)
    return false;
  if (stopped(code))
    return told();
  // The message of a function may quote what was bound ("JSON path error near …").
  const bool may_quote = (code & 0xff) == SQLITE_ERROR
                         && sqlite3_bind_parameter_count(prepared.raw()) > 0;
  return fail(
    translate(code, shorten(sqlite3_sql(prepared.raw())), may_quote ? nullptr : db_.get()));
}

expected<changes> connection::run(statement& prepared) {
  auto* db = db_.get();
  const auto before = sqlite3_total_changes64(db);
  for (;;) {
    auto more = step(prepared);
    if (!more) {
      reset(prepared);
      return unexpected{std::move(more).error()};
    }
    if (!*more)
      break;
  }
  reset(prepared);
  const auto after = sqlite3_total_changes64(db);
  return changes{after == before ? 0 : sqlite3_changes64(db), sqlite3_last_insert_rowid(db)};
}

void connection::reset(statement& prepared) noexcept {
  sqlite3_reset(prepared.raw());
  sqlite3_clear_bindings(prepared.raw());
  if (std::exchange(prepared.busy, false)) {
    --busy_;
    step_aside();
  }
  if (prepared.one_off)
    std::erase_if(one_offs_, [&](const auto& s) { return s.get() == &prepared; });
}

void connection::reset_all() noexcept {
  if (busy_ == 0)
    return;
  while (!one_offs_.empty())
    reset(*one_offs_.back());
  for (auto& [sql, cached] : cache_)
    if (cached->busy)
      reset(*cached);
}

// Only SQLite knows what is a comment.
bool connection::nothing_in(std::string_view sql) noexcept {
  if (only_space(sql))
    return true;
  sqlite3_stmt* compiled = nullptr;
  const char* tail = nullptr;
  const int code
    = sqlite3_prepare_v3(db_.get(), sql.data(), static_cast<int>(sql.size()), 0, &compiled, &tail);
  const raw_statement owned{compiled};
  return code == SQLITE_OK && compiled == nullptr && tail == sql.data() + sql.size();
}

expected<void> connection::run_script(std::string_view sql, sql_scope scope) {
  if (sql.find('\0') != std::string_view::npos)
    return fail(errc::invalid_argument, "a script contains a NUL");
  while (!only_space(sql)) {
    sqlite3_stmt* compiled = nullptr;
    const char* tail = nullptr;
    const auto before = std::exchange(scope_, scope);
    const int prepared = sqlite3_prepare_v3(db_.get(), sql.data(), static_cast<int>(sql.size()), 0,
                                            &compiled, &tail);
    const raw_statement owned{compiled};
    int code = prepared;
    if (sqlite3_bind_parameter_count(compiled) > 0) {
      scope_ = before;
      return fail(errc::invalid_argument, "a script has no parameters: " + shorten(sql));
    }
    if (stops()) {
      scope_ = before;
      return told();
    }
    if (compiled != nullptr) {
      changed_ = changed_ || sqlite3_stmt_readonly(compiled) == 0;
      do
        code = sqlite3_step(compiled);
      while (code == SQLITE_ROW);
    }
    scope_ = before;
    if (prepared != SQLITE_OK || (compiled != nullptr && code != SQLITE_DONE))
      return fail(failure(code, shorten(sql)));
    sql.remove_prefix(static_cast<std::size_t>(tail - sql.data()));
    if (compiled == nullptr)
      break; // a comment at the end
  }
  return {};
}

// -- SQL of ours ----------------------------------------------------------------------------------

int connection::run(fixed which) noexcept {
  auto* stmt = fixed_[static_cast<std::size_t>(which)].get();
  const int code = sqlite3_step(stmt);
  sqlite3_reset(stmt);
  return code == SQLITE_DONE ? SQLITE_OK : code;
}

bool connection::stopped(int code) const noexcept {
  const int kind = code & 0xff;
  return (kind == SQLITE_INTERRUPT || kind == SQLITE_BUSY) && stop_ != nullptr
         && stop_->told().has_value();
}

error connection::failure(int code, const std::string& what) const {
  return stopped(code) ? stop_->told().value() : translate(code, what, db_.get());
}

expected<void> connection::exec(const std::string& sql) {
  const int code = sqlite3_exec(db_.get(), sql.c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK)
    return fail(translate(code, {}, db_.get()));
  return {};
}

std::int64_t connection::data_version() noexcept {
  auto* stmt = data_version_.get();
  const auto version = sqlite3_step(stmt) == SQLITE_ROW ? sqlite3_column_int64(stmt, 0) : 0;
  sqlite3_reset(stmt);
  return version;
}

expected<std::string> connection::query_text(const std::string& sql) {
  if (stop_ != nullptr && !stop_->enter())
    return told();
  const std::unique_ptr<interruption, leave_on_exit> inside{stop_};
  auto compiled = compile(sql, sql_scope::own, false);
  if (!compiled)
    return unexpected{std::move(compiled).error()};
  const int code = sqlite3_step(compiled->get());
  if (code == SQLITE_DONE)
    return std::string{};
  if (code != SQLITE_ROW)
    return fail(translate(code, {}, db_.get()));
  const auto* text = sqlite3_column_text(compiled->get(), 0);
  const auto size = static_cast<std::size_t>(sqlite3_column_bytes(compiled->get(), 0));
  return text == nullptr ? std::string{} : std::string{reinterpret_cast<const char*>(text), size};
}

void connection::count_cache() noexcept {
  cached_.count(db_.get());
  worked_long_ = false;
  uncounted_ = 0;
}

// To count takes some 3 % of a point read.
void connection::count_cache_at_times() noexcept {
  constexpr unsigned uses = 8;
  if (worked_long_ || ++uncounted_ >= uses)
    count_cache();
}

bool connection::in_transaction() const noexcept {
  return sqlite3_get_autocommit(db_.get()) == 0;
}

bool connection::deferred_violation() const noexcept {
  int current = 0;
  int highest = 0;
  sqlite3_db_status(db_.get(), SQLITE_DBSTATUS_DEFERRED_FKS, &current, &highest, 0);
  return current != 0;
}

} // namespace cortex::storage::detail
