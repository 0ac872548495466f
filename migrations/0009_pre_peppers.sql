-- With which pepper the hash of an API key is sealed; the pepper itself is outside of the database.
ALTER TABLE api_key ADD COLUMN pepper text;

COMMENT ON COLUMN api_key.hash IS
    'SHA-256 of the whole key, sealed with the pepper of this name; the key itself is shown once and never stored.';
COMMENT ON COLUMN api_key.pepper IS 'Name of the pepper; NULL: the hash is plain SHA-256.';
