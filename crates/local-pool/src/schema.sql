CREATE TABLE users (
    id INTEGER PRIMARY KEY,
    username TEXT NOT NULL UNIQUE COLLATE NOCASE,
    password_hash TEXT NOT NULL,
    created_ms INTEGER NOT NULL
) STRICT;

-- Tokens are kept as SHA-256 only. A family is one sign-in: it ends as a whole.
CREATE TABLE sessions (
    hash BLOB PRIMARY KEY,
    family TEXT NOT NULL,
    user_id INTEGER NOT NULL REFERENCES users (id),
    expires_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_by_family ON sessions (family);
CREATE TABLE refresh_tokens (
    hash BLOB PRIMARY KEY,
    family TEXT NOT NULL,
    user_id INTEGER NOT NULL REFERENCES users (id),
    install_id TEXT NOT NULL,
    expires_ms INTEGER NOT NULL,
    used_ms INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX refresh_tokens_by_family ON refresh_tokens (family);

-- Double entry: the amounts of one entry sum to zero, so the balances always sum to the supply.
CREATE TABLE accounts (
    name TEXT PRIMARY KEY,
    balance INTEGER NOT NULL CHECK (balance >= 0)
) STRICT, WITHOUT ROWID;
CREATE TABLE entries (
    id INTEGER PRIMARY KEY,
    time_ms INTEGER NOT NULL,
    kind TEXT NOT NULL,
    task_id TEXT,
    attempt INTEGER
) STRICT;
CREATE TABLE postings (
    entry_id INTEGER NOT NULL REFERENCES entries (id),
    account TEXT NOT NULL,
    amount INTEGER NOT NULL CHECK (amount <> 0),
    PRIMARY KEY (entry_id, account)
) STRICT, WITHOUT ROWID;
CREATE INDEX postings_by_account ON postings (account);

CREATE TABLE nodes (
    id TEXT PRIMARY KEY,
    user_id INTEGER NOT NULL REFERENCES users (id),
    install_id TEXT NOT NULL,
    hostname TEXT NOT NULL,
    worker_version TEXT NOT NULL,
    capabilities TEXT NOT NULL,
    trust INTEGER NOT NULL,
    active INTEGER NOT NULL,
    succeeded INTEGER NOT NULL DEFAULT 0,
    registered_ms INTEGER NOT NULL,
    UNIQUE (user_id, install_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE tasks (
    id TEXT PRIMARY KEY,
    owner_id INTEGER NOT NULL REFERENCES users (id),
    name TEXT NOT NULL,
    image TEXT,
    command TEXT NOT NULL,
    package_sha256 TEXT NOT NULL,
    package_size INTEGER NOT NULL,
    limits TEXT NOT NULL,
    formula TEXT NOT NULL,
    state TEXT NOT NULL,
    attempt INTEGER NOT NULL DEFAULT 0,
    cancel TEXT,
    message TEXT NOT NULL DEFAULT '',
    created_ms INTEGER NOT NULL,
    ended_ms INTEGER
) STRICT;
CREATE INDEX tasks_by_owner ON tasks (owner_id, created_ms);
CREATE INDEX tasks_by_state ON tasks (state);

CREATE TABLE attempts (
    task_id TEXT NOT NULL REFERENCES tasks (id),
    attempt INTEGER NOT NULL,
    node_id TEXT NOT NULL REFERENCES nodes (id),
    user_id INTEGER NOT NULL REFERENCES users (id),
    state TEXT NOT NULL,
    phase TEXT NOT NULL DEFAULT 'assigned',
    message TEXT NOT NULL DEFAULT '',
    progress REAL,
    progress_message TEXT NOT NULL DEFAULT '',
    usage TEXT NOT NULL DEFAULT '{}',
    durable_seq INTEGER NOT NULL DEFAULT 0,
    charged INTEGER NOT NULL DEFAULT 0,
    credited INTEGER NOT NULL DEFAULT 0,
    refunded INTEGER NOT NULL DEFAULT 0,
    verdict TEXT,
    exit_code INTEGER,
    failure TEXT,
    wall_ms INTEGER,
    image_digest TEXT NOT NULL DEFAULT '',
    result_sha256 TEXT NOT NULL DEFAULT '',
    result_size INTEGER NOT NULL DEFAULT 0,
    assigned_ms INTEGER NOT NULL,
    started_ms INTEGER,
    ended_ms INTEGER,
    updated_ms INTEGER NOT NULL,
    PRIMARY KEY (task_id, attempt)
) STRICT, WITHOUT ROWID;
CREATE INDEX attempts_by_state ON attempts (state);
CREATE INDEX attempts_by_user ON attempts (user_id, updated_ms);
