-- Ends of private links: one computer, one key, one address in the tunnel.
CREATE TABLE vpn_peers (
    public_key TEXT PRIMARY KEY,
    install TEXT NOT NULL UNIQUE,
    address TEXT NOT NULL UNIQUE,
    token_hash BLOB NOT NULL,
    made_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
