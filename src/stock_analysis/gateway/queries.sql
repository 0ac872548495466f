-- Statements of the gateway.

-- name: add_key
-- Keep a new key.
INSERT INTO api_key (id, name, prefix, hash, scopes, created_at, expires_at, pepper)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8);

-- name: find_key
-- The key with this prefix.
SELECT id, name, prefix, hash, scopes, created_at, expires_at, revoked_at, last_used_at, pepper
FROM api_key WHERE prefix = $1;

-- name: all_keys
-- All keys, the oldest first.
SELECT id, name, prefix, hash, scopes, created_at, expires_at, revoked_at, last_used_at, pepper
FROM api_key ORDER BY created_at, prefix;

-- name: revoke_key
-- Make the key unusable; nothing comes back if it is unknown or revoked already.
UPDATE api_key SET revoked_at = now() WHERE prefix = $1 AND revoked_at IS NULL RETURNING prefix;

-- name: reseal_key
-- Keep the hash as it is sealed with another pepper.
UPDATE api_key SET hash = $2, pepper = $3 WHERE id = $1;

-- name: note_use
-- When the key was last used, to the minute, so that a busy key is not written all the time.
UPDATE api_key SET last_used_at = now()
WHERE prefix = $1 AND (last_used_at IS NULL OR last_used_at < now() - interval '1 minute');
